ssi_unit_test(isfc_wire_test isfc_block_test.cpp isfc_frame_test.cpp isfc_messages_test.cpp LIBS ssi_isfc)
ssi_unit_test(isfc_link_test isfc_buffers_test.cpp isfc_express_choice_test.cpp isfc_flight_test.cpp
    isfc_logical_link_test.cpp isfc_session_test.cpp isfc_socket_budget_test.cpp LIBS ssi_isfc)
ssi_unit_test(isfc_daemon_test isfc_certificate_authority_test.cpp isfc_cluster.cpp isfc_daemon_test.cpp
    isfc_failure_test.cpp isfc_offers_test.cpp LIBS ssi_isfc ssi_certificate_authority)
