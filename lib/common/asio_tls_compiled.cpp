// The one place where Asio's TLS streams are compiled.
#include <boost/asio/ssl/impl/src.hpp>
