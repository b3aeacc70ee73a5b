// The one place where Asio and Beast are compiled (BOOST_ASIO_SEPARATE_COMPILATION in the top CMakeLists.txt).
#include <boost/asio/impl/src.hpp>
#include <boost/asio/ssl/impl/src.hpp>
#include <boost/beast/src.hpp>
