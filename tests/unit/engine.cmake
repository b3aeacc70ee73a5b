ssi_unit_test(engine_test engine_director_test.cpp engine_force_test.cpp engine_health_test.cpp engine_messages_test.cpp
    engine_voter_plan_test.cpp engine_wal_test.cpp witness_keeper_test.cpp witness_plan_test.cpp LIBS ssi_engine)
# Against real etcd processes; they skip themselves where etcd is missing. Two programs, for most of their time is waiting.
ssi_unit_test(engine_etcd_test engine_etcd_cluster.cpp engine_etcd_test.cpp engine_recovery_test.cpp LIBS ssi_engine)
ssi_unit_test(engine_voters_test engine_etcd_cluster.cpp engine_voters_test.cpp LIBS ssi_engine)
