ssi_unit_test(ctc_test ctc_device_test.cpp ctc_driver_test.cpp ctc_kernel.cpp ctc_plan_test.cpp ctc_record_test.cpp
    point_to_point_test.cpp LIBS ssi_isfc_driver)
