ssi_unit_test(pdr_test pdr_area_test.cpp pdr_block_test.cpp pdr_lock_property_test.cpp pdr_lock_test.cpp
    pdr_verdict_test.cpp pdr_volume_test.cpp pdr_writer_lock_test.cpp LIBS ssi_pdr)
ssi_unit_test(pdr_beat_test pdr_beat_test.cpp LIBS ssi_pdr_beat)
