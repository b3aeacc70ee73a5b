ssi_unit_test(bus_test bus_test.cpp LIBS ssi_common)
