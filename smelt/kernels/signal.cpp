#include "smelt/kernels/signal.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>

#include "smelt/kernels/operands.h"
#include "smelt/ops/flex_options.h"

namespace smelt {
namespace {

FlexOptions options_of(const PrepareArgs& args) {
  return FlexOptions(attributes_of<CustomAttributes>(args));
}

/// An option between 0 and `most`.
int32_t bounded(const FlexOptions& options, std::string_view name, int32_t most) {
  const int32_t value = options.integer(name);
  if (value < 0 || value > most) {
    fail(ErrorKind::bad_file, "its option {} is {}; 0..{} is allowed", name, value, most);
  }
  return value;
}

void require_vector(const Operand& operand, DataType type) {
  require_type(operand, {type});
  require_rank(operand, 1, 1);
}

/// Bits of the value: the place of its highest one, counted from 1; 0 for 0.
int bits_of(uint32_t value) { return std::bit_width(value); }

}  // namespace

Kernel prepare_signal_window(const PrepareArgs& args) {
  const Operand& x = args.input(0);
  const Operand& weights = args.input(1);
  require_type(x, {DataType::int16});
  require_type(args.output(), {DataType::int16});
  require_vector(weights, DataType::int16);
  require_same_shape(x, args.output());
  const int64_t size = weights.shape[0];
  const int64_t count = x.shape.elements();
  if (size < 1 || count % size != 0) {
    fail(ErrorKind::bad_file, "a window of {} values does not fit shape {}", size,
         to_string(x.shape));
  }
  return {[=, shift = bounded(options_of(args), "shift", 31)](const InvokeArgs& run) {
    const auto* window = run.in<int16_t>(1);
    for (int64_t i = 0; i < count; ++i) {
      const int32_t value = (int32_t{run.in<int16_t>(0)[i]} * window[i % size]) >> shift;
      run.out<int16_t>()[i] = static_cast<int16_t>(std::clamp(value, -32768, 32767));
    }
  }};
}

Kernel prepare_signal_fft_auto_scale(const PrepareArgs& args) {
  const Operand& x = args.input(0);
  require_vector(x, DataType::int16);
  require_type(args.output(0), {DataType::int16});
  require_same_shape(x, args.output(0));
  require_type(args.output(1), {DataType::int32});
  require_shape(args.output(1), {});
  return {[count = x.shape.elements()](const InvokeArgs& run) {
    const auto* values = run.in<int16_t>(0);
    int16_t largest = 0;
    for (int64_t i = 0; i < count; ++i) {
      if (values[i] > largest) {
        largest = values[i];
      } else if (-values[i] > largest) {
        largest = static_cast<int16_t>(-values[i]);  // -32768 stays what it is
      }
    }
    const int shift = std::max(0, 15 - bits_of(static_cast<uint32_t>(int32_t{largest})));
    for (int64_t i = 0; i < count; ++i) {
      run.out<int16_t>(0)[i] = static_cast<int16_t>(values[i] * (1 << shift));
    }
    *run.out<int32_t>(1) = shift;
  }};
}

Kernel prepare_signal_energy(const PrepareArgs& args) {
  const Operand& x = args.input(0);
  const Operand& y = args.output();
  require_vector(x, DataType::int16);
  require_vector(y, DataType::uint32);
  const FlexOptions options = options_of(args);
  const int32_t size = std::min(x.shape[0] / 2, y.shape[0]);
  const int32_t end = bounded(options, "end_index", size);
  const int32_t start = bounded(options, "start_index", end);
  return {[start, end, count = y.shape[0]](const InvokeArgs& run) {
    auto* to = run.out<uint32_t>();
    std::fill_n(to, count, 0u);
    for (int64_t i = start; i < end; ++i) {
      const int64_t real = run.in<int16_t>(0)[2 * i];
      const int64_t imaginary = run.in<int16_t>(0)[2 * i + 1];
      to[i] = static_cast<uint32_t>(real * real + imaginary * imaginary);
    }
  }};
}

namespace {

/// The frequencies and weights that a channel adds up.
struct Channel {
  int32_t frequency, weight, width;
};

std::vector<Channel> filter_channels(const PrepareArgs& args, int64_t count) {
  for (const size_t i : {size_t{3}, size_t{4}, size_t{5}}) {
    require_vector(args.input(i), DataType::int16);
    if (args.input(i).constant == nullptr || args.input(i).shape[0] < count) {
      fail(ErrorKind::bad_file, "{} must be a constant of at least {} values", args.input(i).name,
           count);
    }
  }
  const int32_t weights = std::min(args.input(1).shape[0], args.input(2).shape[0]);
  std::vector<Channel> channels;
  for (int64_t i = 0; i < count; ++i) {
    const Channel c{args.input(3).constant_as<int16_t>()[i],
                    args.input(4).constant_as<int16_t>()[i],
                    args.input(5).constant_as<int16_t>()[i]};
    if (c.width > 0 && (c.frequency < 0 || c.weight < 0 || c.weight + c.width > weights ||
                        c.frequency + c.width > args.input(0).shape[0])) {
      fail(ErrorKind::bad_file, "channel {} of the filter bank reads beyond its operands", i);
    }
    channels.push_back(c);
  }
  return channels;
}

}  // namespace

Kernel prepare_signal_filter_bank(const PrepareArgs& args) {
  const Operand& y = args.output();
  require_vector(args.input(0), DataType::uint32);
  require_vector(args.input(1), DataType::int16);
  require_vector(args.input(2), DataType::int16);
  require_vector(y, DataType::uint64);
  const int32_t count = bounded(options_of(args), "num_channels", y.shape[0]);
  if (count != y.shape[0]) {
    fail(ErrorKind::bad_file, "{} has {} values for {} channels", y.name, y.shape[0], count);
  }
  return {[channels = filter_channels(args, count + 1)](const InvokeArgs& run) {
    const auto* energies = run.in<uint32_t>(0);
    uint64_t sum = 0;
    uint64_t next = 0;  // what a channel leaves for the one behind it
    for (size_t c = 0; c < channels.size(); ++c) {
      const Channel& channel = channels[c];
      for (int32_t j = 0; j < channel.width; ++j) {
        const uint64_t energy = energies[channel.frequency + j];
        const int64_t weight = run.in<int16_t>(1)[channel.weight + j];
        const int64_t rest = run.in<int16_t>(2)[channel.weight + j];
        sum += static_cast<uint64_t>(weight) * energy;
        next += static_cast<uint64_t>(rest) * energy;
      }
      if (c > 0) run.out<uint64_t>()[c - 1] = sum;
      sum = next;
      next = 0;
    }
  }};
}

namespace {

/// The rounded square root, bit by bit; `limit` is the largest result.
template <class T>
uint32_t rounded_root(T value, uint32_t limit) {
  if (value == 0) return 0;
  constexpr int kBits = 8 * sizeof(T);
  const int leading = std::countl_zero(value) | 1;
  T bit = T{1} << (kBits - 1 - leading);
  T root = 0;
  for (int i = (kBits - 1 - leading) / 2 + 1; i > 0; --i) {
    if (value >= root + bit) {
      value -= root + bit;
      root = (root >> 1) + bit;
    } else {
      root >>= 1;
    }
    bit >>= 2;
  }
  if (value > root && root != limit) ++root;
  return static_cast<uint32_t>(root);
}

uint32_t square_root(uint64_t value) {
  if (value >> 32 == 0) return rounded_root(static_cast<uint32_t>(value), 0xFFFF);
  return rounded_root(value, 0xFFFFFFFF);
}

}  // namespace

Kernel prepare_signal_filter_bank_square_root(const PrepareArgs& args) {
  require_vector(args.input(0), DataType::uint64);
  require_type(args.input(1), {DataType::int32});
  require_shape(args.input(1), {});
  require_type(args.output(), {DataType::uint32});
  require_same_shape(args.input(0), args.output());
  return {[count = args.output().shape.elements()](const InvokeArgs& run) {
    const int shift = *run.in<int32_t>(1) & 31;
    for (int64_t i = 0; i < count; ++i) {
      run.out<uint32_t>()[i] = square_root(run.in<uint64_t>(0)[i]) >> shift;
    }
  }};
}

namespace {

struct Subtraction {
  std::array<uint32_t, 2> smoothing, rest;  ///< of even and odd channels
  uint32_t least = 0;                       ///< of the signal that remains
  int smoothing_bits = 0, bits = 0;
  bool clamping = false;

  uint32_t operator()(int64_t channel, uint32_t signal, uint32_t& noise) const {
    const auto odd = static_cast<size_t>(channel & 1);
    const uint32_t scaled = signal << smoothing_bits;
    noise = static_cast<uint32_t>(
        (uint64_t{scaled} * smoothing[odd] + uint64_t{noise} * rest[odd]) >> bits);
    uint32_t estimate = noise;
    if (estimate > scaled) {
      estimate = scaled;
      if (clamping) noise = estimate;
    }
    const auto floor = static_cast<uint32_t>((uint64_t{signal} * least) >> bits);
    return std::max((scaled - estimate) >> smoothing_bits, floor);
  }
};

}  // namespace

Kernel prepare_signal_spectral_subtraction(const PrepareArgs& args) {
  const Operand& x = args.input(0);
  require_vector(x, DataType::uint32);
  for (const size_t i : {size_t{0}, size_t{1}}) {
    require_type(args.output(i), {DataType::uint32});
    require_same_shape(x, args.output(i));
  }
  const FlexOptions o = options_of(args);
  const auto word = [&](std::string_view name) { return static_cast<uint32_t>(o.integer(name)); };
  const int32_t count = bounded(o, "num_channels", x.shape[0]);
  const Subtraction subtract{
      .smoothing = {word("smoothing"), word("alternate_smoothing")},
      .rest = {word("one_minus_smoothing"), word("alternate_one_minus_smoothing")},
      .least = word("min_signal_remaining"),
      .smoothing_bits = bounded(o, "smoothing_bits", 31),
      .bits = bounded(o, "spectral_subtraction_bits", 63),
      .clamping = o.boolean("clamping")};
  const int64_t channels = x.shape[0];
  return {[=](const InvokeArgs& run) {
            auto* noise = reinterpret_cast<uint32_t*>(run.state);
            std::fill_n(run.out<uint32_t>(0), channels, 0u);
            for (int64_t i = 0; i < count; ++i) {
              run.out<uint32_t>(0)[i] = subtract(i, run.in<uint32_t>(0)[i], noise[i]);
            }
            std::copy_n(noise, channels, run.out<uint32_t>(1));
          },
          0, channels * static_cast<int64_t>(sizeof(uint32_t))};
}

namespace {

/// Logarithms in fixed point with 16 bits behind the point: linear pieces between a table's values.
class Logarithm {
 public:
  Logarithm() {
    for (size_t i = 0; i <= kSegments; ++i) {
      const double x = static_cast<double>(i) / kSegments;
      table_[i] = static_cast<int32_t>(std::floor(kOne * (std::log2(1.0 + x) - x) + 0.5));
    }
  }

  /// Natural logarithm of x > 0, times scale.
  uint32_t operator()(uint32_t x, uint32_t scale) const {
    const auto integer = static_cast<uint32_t>(bits_of(x) - 1);
    const uint32_t log2 = (integer << 16) + fraction(x, integer);
    const auto natural = static_cast<uint32_t>((uint64_t{kLn2} * log2 + kOne / 2) >> 16);
    return (scale * natural + kOne / 2) >> 16;
  }

 private:
  static constexpr size_t kSegments = 128;
  static constexpr uint32_t kOne = 65536;
  static constexpr uint32_t kLn2 = 45426;  // ln 2 * 2^16

  uint32_t fraction(uint32_t x, uint32_t integer) const {
    const uint32_t rest = x - (uint32_t{1} << integer);
    const auto part =
        static_cast<int32_t>(integer < 16 ? rest << (16 - integer) : rest >> (integer - 16));
    const auto segment = static_cast<size_t>(part >> 9);
    const int32_t start = static_cast<int32_t>(segment) << 9;
    const int32_t rise = ((table_[segment + 1] - table_[segment]) * (part - start)) >> 16;
    return static_cast<uint32_t>(part + table_[segment] + rise);
  }

  std::array<int32_t, kSegments + 1> table_{};  ///< log2(1 + x) - x
};

}  // namespace

Kernel prepare_signal_filter_bank_log(const PrepareArgs& args) {
  require_vector(args.input(0), DataType::uint32);
  require_type(args.output(), {DataType::int16});
  require_same_shape(args.input(0), args.output());
  const FlexOptions options = options_of(args);
  const int32_t shift = bounded(options, "input_correction_bits", 31);
  const auto scale = static_cast<uint32_t>(options.integer("output_scale"));
  return {[=, count = args.output().shape.elements(), log = Logarithm()](const InvokeArgs& run) {
    for (int64_t i = 0; i < count; ++i) {
      const uint32_t x = run.in<uint32_t>(0)[i] << shift;
      const uint32_t value = x > 1 ? log(x, scale) : 0;
      run.out<int16_t>()[i] = static_cast<int16_t>(std::min<uint32_t>(value, 32767));
    }
  }};
}

namespace {

/// A gain from the table: three numbers per power of two describe a parabola.
int16_t table_gain(uint32_t x, const int16_t* table) {
  if (x <= 2) return table[x];
  const int interval = bits_of(x);
  table += 4 * interval - 6;
  const uint32_t scaled = interval < 11 ? x << (11 - interval) : x >> (interval - 11);
  const auto fraction = static_cast<int32_t>(scaled & 0x3FF);
  int32_t value = (table[2] * fraction) >> 5;
  value += static_cast<int32_t>(static_cast<uint32_t>(int32_t{table[1]}) << 5);
  const auto product =
      static_cast<int32_t>(static_cast<uint32_t>(value) * static_cast<uint32_t>(fraction));
  return static_cast<int16_t>(
      (static_cast<int32_t>(static_cast<uint32_t>(product) + (1u << 14)) >> 15) + table[0]);
}

/// x^2 / 4 below 2, x - 1 above; 12 bits behind the point become 6.
uint32_t shrink(uint32_t x) {
  constexpr uint32_t kIn = 12, kOut = 6;
  if (x < (2u << kIn)) return (x * x) >> (2 + 2 * kIn - kOut);
  return (x >> (kIn - kOut)) - (1u << kOut);
}

}  // namespace

Kernel prepare_signal_pcan(const PrepareArgs& args) {
  constexpr int32_t kTableSize = 125;  // 3 for 0..2, then 4 per power of two up to 2^32
  require_vector(args.input(0), DataType::uint32);
  require_type(args.input(1), {DataType::uint32});
  require_same_shape(args.input(0), args.input(1));
  require_vector(args.input(2), DataType::int16);
  require_type(args.output(), {DataType::uint32});
  require_same_shape(args.input(0), args.output());
  if (args.input(2).shape[0] < kTableSize) {
    fail(ErrorKind::bad_file, "{} has {} values; {} are needed", args.input(2).name,
         args.input(2).shape[0], kTableSize);
  }
  const int32_t shift = bounded(options_of(args), "snr_shift", 63);
  return {[shift, count = args.output().shape.elements()](const InvokeArgs& run) {
    for (int64_t i = 0; i < count; ++i) {
      const auto gain =
          static_cast<uint32_t>(int32_t{table_gain(run.in<uint32_t>(1)[i], run.in<int16_t>(2))});
      const uint64_t ratio = (uint64_t{run.in<uint32_t>(0)[i]} * gain) >> shift;
      run.out<uint32_t>()[i] = shrink(static_cast<uint32_t>(ratio));
    }
  }};
}

}  // namespace smelt
