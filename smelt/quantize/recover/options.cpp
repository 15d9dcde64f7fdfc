#include "smelt/quantize/recover/recover.h"

namespace smelt {
namespace {

void switch_on(std::string_view step, std::string_view text, RecoverOptions& options) {
  if (step == "equalize") {
    options.equalize = true;
  } else if (step == "bias") {
    options.bias = true;
  } else if (step == "round") {
    options.round = true;
  } else if (step == "gptq") {
    options.gptq = true;
  } else {
    fail(ErrorKind::bad_argument,
         "'{}' is no way of recovery (in '{}'); there are none, all, or any of "
         "equalize,bias,round,gptq",
         step, text);
  }
}

}  // namespace

RecoverOptions parse_recovery(std::string_view text) {
  if (text == "none") return {};
  if (text == "all") return {.equalize = true, .bias = true, .round = true, .gptq = true};
  RecoverOptions options;
  for (size_t begin = 0; begin <= text.size();) {
    const size_t end = std::min(text.find(',', begin), text.size());
    switch_on(text.substr(begin, end - begin), text, options);
    begin = end + 1;
  }
  return options;
}

}  // namespace smelt
