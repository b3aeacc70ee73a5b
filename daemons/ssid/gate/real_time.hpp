#pragma once
/// What keeps the guard quick on a host that is out of memory or busy.

namespace ssi::gate {

/// Locks this process's memory and takes a real-time priority. Where that is not permitted the guard works all the
/// same: a line in the journal says so.
void become_real_time();

}  // namespace ssi::gate
