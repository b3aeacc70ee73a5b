add_library(ssi_scsi_target STATIC scsi_target.cpp)
target_link_libraries(ssi_scsi_target PUBLIC ssi_scsi)
ssi_unit_test(scsi_test scsi_key_test.cpp scsi_messages_test.cpp scsi_paths_test.cpp scsi_reservation_property_test.cpp
    scsi_sense_test.cpp scsi_unit_test.cpp LIBS ssi_scsi_target)
