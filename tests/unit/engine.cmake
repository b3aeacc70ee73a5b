ssi_unit_test(engine_messages_test engine_messages_test.cpp LIBS ssi_engine)
ssi_unit_test(engine_director_test engine_director_test.cpp LIBS ssi_engine)
# Against real etcd processes; skips itself where etcd is missing.
ssi_unit_test(engine_etcd_test engine_etcd_test.cpp engine_etcd_cluster.cpp LIBS ssi_engine)
