// A file of isfc.d, which any package may bring: what is accepted names services and sockets that can be.

#include <fstream>

#include "daemons/isfcd/local/service_offers.hpp"
#include "lib/common/plain_text.hpp"
#include "tests/fuzz/require.hpp"
#include "tests/unit/temporary_directory.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace ssi;
    using fuzz::require;
    static const test::TemporaryDirectory directory;
    static const auto own = *MemberName::parse("MEMBER1");
    const auto file = directory.path() / "some.toml";
    std::ofstream(file).write(reinterpret_cast<const char*>(data), static_cast<std::streamsize>(size));

    const auto services = isfc::load_configured_services(directory.path(), own);
    if (!services) {
        require(services.error().code == ErrorCode::kConfigInvalid && services.error().object == file.string());
        require(services.error().what.find(file.string()) != std::string::npos);
        return 0;
    }
    for (std::size_t i = 0; i < services->size(); ++i) {
        const auto& service = (*services)[i];
        require(ServiceName::parse(service.name.str()).has_value());
        require(service.socket.is_absolute() && is_plain_text(service.socket.native()));
        require(is_plain_text(service.group));
        require(i == 0 || (*services)[i - 1].name < service.name);
    }
    return 0;
}
