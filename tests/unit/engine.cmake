ssi_unit_test(engine_messages_test engine_messages_test.cpp LIBS ssi_engine)
ssi_unit_test(engine_director_test engine_director_test.cpp LIBS ssi_engine)
ssi_unit_test(engine_wal_test engine_wal_test.cpp LIBS ssi_engine)
ssi_unit_test(engine_voter_plan_test engine_voter_plan_test.cpp LIBS ssi_engine)
# Against real etcd processes; skips itself where etcd is missing.
ssi_unit_test(engine_etcd_test engine_etcd_test.cpp engine_etcd_cluster.cpp LIBS ssi_engine)
ssi_unit_test(engine_health_test engine_health_test.cpp LIBS ssi_engine)
ssi_unit_test(engine_recovery_test engine_recovery_test.cpp engine_etcd_cluster.cpp LIBS ssi_engine)
ssi_unit_test(engine_voters_test engine_voters_test.cpp engine_etcd_cluster.cpp LIBS ssi_engine)
