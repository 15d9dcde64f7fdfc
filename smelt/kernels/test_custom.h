#pragma once

#define FLATBUFFERS_LOCALE_INDEPENDENT 0  // as flex_options.cpp
#include <flatbuffers/flexbuffers.h>

#include <initializer_list>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "smelt/kernels/test_op.h"

namespace smelt {

using FlexValue = std::variant<int, bool, double>;

/// A custom op with options, for tests.
inline TestOp custom_op(std::string code,
                        std::initializer_list<std::pair<const char*, FlexValue>> options = {}) {
  flexbuffers::Builder builder;
  builder.Map([&] {
    for (const auto& [name, value] : options) {
      if (const auto* integer = std::get_if<int>(&value)) {
        builder.Int(name, *integer);
      } else if (const auto* boolean = std::get_if<bool>(&value)) {
        builder.Bool(name, *boolean);
      } else {
        builder.Double(name, std::get<double>(value));
      }
    }
  });
  builder.Finish();
  return TestOp(OpType::custom,
                CustomAttributes{.code = std::move(code), .options = builder.GetBuffer()});
}

/// Memory for what an op remembers, as an interpreter resets it.
class TestState {
 public:
  explicit TestState(const Kernel& kernel)
      : words_(static_cast<size_t>(kernel.state_bytes) / sizeof(uint64_t) + 1) {
    if (kernel.reset) kernel.reset(data());
  }
  std::byte* data() { return reinterpret_cast<std::byte*>(words_.data()); }

 private:
  std::vector<uint64_t> words_;
};

}  // namespace smelt
