ssi_unit_test(isfc_wire_test isfc_block_test.cpp isfc_frame_test.cpp isfc_messages_test.cpp LIBS ssi_isfc)
ssi_unit_test(isfc_wire_vectors_test isfc_wire_vectors_test.cpp LIBS ssi_isfc)
target_compile_definitions(isfc_wire_vectors_test PRIVATE SSI_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
ssi_unit_test(isfc_link_test isfc_buffers_test.cpp isfc_express_choice_test.cpp isfc_flight_test.cpp
    isfc_logical_link_test.cpp isfc_session_test.cpp isfc_socket_budget_test.cpp LIBS ssi_isfc)
ssi_unit_test(isfc_roster_test isfc_bus_test.cpp isfc_channel_roster_test.cpp isfc_metrics_test.cpp isfc_refusals_test.cpp
    LIBS ssi_isfc)
# Whole daemons, joined.
ssi_unit_test(isfc_daemon_test isfc_administration_test.cpp isfc_certificate_authority_test.cpp isfc_cluster.cpp
    isfc_daemon_test.cpp isfc_encryption_test.cpp isfc_failure_test.cpp isfc_offers_test.cpp isfc_reload_test.cpp
    isfc_rotation_test.cpp LIBS ssi_isfc ssi_certificate_authority)
