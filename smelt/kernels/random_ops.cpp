#include "smelt/kernels/random_ops.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <numbers>

#include "smelt/kernels/operands.h"

namespace smelt {
namespace {

using Words = std::array<uint32_t, 4>;

/// Philox 4x32-10: a counter scrambled with a key.
struct Philox {
  std::array<uint32_t, 2> key{};

  Words operator()(Words counter) const {
    std::array<uint32_t, 2> k = key;
    for (int round = 0; round < 10; ++round) {
      const uint64_t a = uint64_t{0xD2511F53} * counter[0];
      const uint64_t b = uint64_t{0xCD9E8D57} * counter[2];
      counter = {static_cast<uint32_t>(b >> 32) ^ counter[1] ^ k[0], static_cast<uint32_t>(b),
                 static_cast<uint32_t>(a >> 32) ^ counter[3] ^ k[1], static_cast<uint32_t>(a)};
      k[0] += 0x9E3779B9;
      k[1] += 0xBB67AE85;
    }
    return counter;
  }
};

void advance(Words& counter) {
  for (uint32_t& word : counter) {
    if (++word != 0) return;
  }
}

/// In [0, 1).
float to_float(uint32_t bits) {
  return std::bit_cast<float>(0x3F800000 | (bits & 0x7FFFFF)) - 1.0f;
}

void uniform(const Words& bits, float* values) {
  for (size_t i = 0; i < bits.size(); ++i) values[i] = to_float(bits[i]);
}

/// Box and Muller's transform of pairs.
void standard_normal(const Words& bits, float* values) {
  for (size_t i = 0; i < bits.size(); i += 2) {
    const float radius = std::sqrt(-2.0f * std::log(std::max(to_float(bits[i]), 1.0e-7f)));
    const auto angle = static_cast<float>(2.0 * std::numbers::pi * to_float(bits[i + 1]));
    values[i] = std::sin(angle) * radius;
    values[i + 1] = std::cos(angle) * radius;
  }
}

Kernel random_kernel(const PrepareArgs& args, void (*make)(const Words&, float*)) {
  const auto& seeds = attributes_of<RandomSeedsAttributes>(args);
  require_type(args.output(), {DataType::float32});
  if (seeds.seed == 0 && seeds.seed2 == 0) {
    fail(ErrorKind::unsupported,
         "its numbers differ in every run; give it a seed when the model is converted");
  }
  const auto low = static_cast<uint64_t>(seeds.seed);
  const auto high = static_cast<uint64_t>(seeds.seed2);
  const Philox philox{{static_cast<uint32_t>(low), static_cast<uint32_t>(low >> 32)}};
  const Words start = {0, 0, static_cast<uint32_t>(high), static_cast<uint32_t>(high >> 32)};
  Kernel kernel{[philox, make, count = args.output().shape.elements()](const InvokeArgs& run) {
                  auto& counter = *reinterpret_cast<Words*>(run.state);
                  for (int64_t i = 0; i < count; i += 4) {
                    std::array<float, 4> values{};
                    make(philox(counter), values.data());
                    advance(counter);
                    std::copy_n(values.data(), std::min<int64_t>(4, count - i),
                                run.out<float>() + i);
                  }
                },
                0, sizeof(Words)};
  kernel.reset = [start](std::byte* state) { std::memcpy(state, start.data(), sizeof(start)); };
  return kernel;
}

}  // namespace

Kernel prepare_random_uniform(const PrepareArgs& args) { return random_kernel(args, uniform); }
Kernel prepare_random_standard_normal(const PrepareArgs& args) {
  return random_kernel(args, standard_normal);
}

}  // namespace smelt
