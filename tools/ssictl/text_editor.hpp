#pragma once
/// A text while a person edits it, in a file that nobody else may read.

#include <filesystem>
#include <string>
#include <utility>

#include "lib/common/error.hpp"

namespace ssi::ctl {

class EditedText {
  public:
    /// In the directory for temporary files. `name`: what its file's name begins with. Error: kSystemFailed.
    [[nodiscard]] static Result<EditedText> begin(const std::string& name, const std::string& text);
    EditedText(EditedText&& other) noexcept : file_(std::exchange(other.file_, {})) {}
    EditedText& operator=(EditedText&&) = delete;
    /// Takes the file away, unless it is to be kept.
    ~EditedText();

    /// Runs $VISUAL, else $EDITOR, else vi, on this terminal, until the person leaves it. Error: kSystemFailed, also
    /// when the editor says by its exit status that it failed.
    [[nodiscard]] Result<void> edit() const;
    /// As it is now. Error: kSystemFailed.
    [[nodiscard]] Result<std::string> text() const;
    /// The file outlives this object.
    [[nodiscard]] std::filesystem::path keep() { return std::exchange(file_, {}); }

  private:
    explicit EditedText(std::filesystem::path file) : file_(std::move(file)) {}

    std::filesystem::path file_;
};

}  // namespace ssi::ctl
