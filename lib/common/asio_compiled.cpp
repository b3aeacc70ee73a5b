// The one place where Asio is compiled (BOOST_ASIO_SEPARATE_COMPILATION in the top CMakeLists.txt). TLS and Beast stand
// in files of their own: a program that uses neither does not load OpenSSL.
#include <boost/asio/impl/src.hpp>
