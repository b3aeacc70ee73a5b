#pragma once
/// The peer of the benchmark's crypto cases: what a plain program does with OpenSSL, with its defaults.

#include <memory>

#include "tests/bench/isfc_load/byte_stream.hpp"

namespace ssi::bench {

enum class TlsRole { kConnects, kAccepts };

/// TLS 1.3 with AES-128-GCM on a connected socket, which it owns from now on. Each end shows its certificate; that of
/// the other must be the authority's. Throws std::runtime_error.
[[nodiscard]] std::unique_ptr<ByteStream> make_tls_stream(int fd, TlsRole role, const Identity& identity);

}  // namespace ssi::bench
