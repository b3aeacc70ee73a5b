#include "lib/common/word_list.hpp"

#include <algorithm>
#include <sstream>
#include <vector>

namespace ssi {

std::string distinct_words(std::string_view text) {
    std::vector<std::string> seen;
    std::istringstream words{std::string(text)};
    for (std::string word; words >> word;)
        if (!std::ranges::contains(seen, word)) seen.push_back(word);
    std::string list;
    for (const auto& word : seen) list += (list.empty() ? "" : " ") + word;
    return list;
}

}  // namespace ssi
