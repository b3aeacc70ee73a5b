ssi_unit_test(gate_right_table_test gate_pdr_pass_test.cpp gate_right_table_test.cpp LIBS ssi_right_table)
ssi_unit_test(gate_lease_test gate_lease_test.cpp gate_witness_test.cpp LIBS ssi_lease)
# By the simulation's clock.
ssi_unit_test(gate_lease_keeper_test gate_lease_keeper_test.cpp ${PROJECT_SOURCE_DIR}/tests/sim/sim_world.cpp
    LIBS ssi_guard_core)
ssi_unit_test(gate_lock_rpc_test gate_listener_test.cpp gate_lock_rpc_test.cpp LIBS ssi_gate_socket ssi_lock_rpc)
# Real processes.
ssi_unit_test(gate_door_test gate_guard_stop_test.cpp gate_guard_test.cpp gate_hook_test.cpp gate_processes.cpp
    LIBS ssi_guard_client ssi_lock_rpc)
add_dependencies(gate_door_test ssi-guard ssi-hook)
target_compile_definitions(gate_door_test PRIVATE
    SSI_GUARD="$<TARGET_FILE:ssi-guard>" SSI_HOOK="$<TARGET_FILE:ssi-hook>")
