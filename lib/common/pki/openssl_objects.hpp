#pragma once
/// OpenSSL's objects with their owners, and its failures as Errors. Inner part of pki/.

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include <memory>
#include <string>

#include "lib/common/error.hpp"

namespace ssi::pki {

template <auto Free>
struct Freed {
    template <class Object>
    void operator()(Object* object) const {
        Free(object);
    }
};
using Key = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY_free>>;
using Certificate = std::unique_ptr<X509, Freed<X509_free>>;
using Memory = std::unique_ptr<BIO, Freed<BIO_free>>;
using Extension = std::unique_ptr<X509_EXTENSION, Freed<X509_EXTENSION_free>>;
using Number = std::unique_ptr<BIGNUM, Freed<BN_free>>;

/// What was tried, and OpenSSL's reason; its queue of errors is empty afterwards.
[[nodiscard]] std::unexpected<Error> openssl_failure(const std::string& what,
                                                     ErrorCode code = ErrorCode::kSystemFailed);

}  // namespace ssi::pki
