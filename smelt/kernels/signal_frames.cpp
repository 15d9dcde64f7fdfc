#include "smelt/kernels/signal_frames.h"

#include <algorithm>

#include "smelt/kernels/operands.h"
#include "smelt/ops/flex_options.h"

namespace smelt {
namespace {

FlexOptions options_of(const PrepareArgs& args) {
  return FlexOptions(attributes_of<CustomAttributes>(args));
}

int32_t bounded(const FlexOptions& options, std::string_view name, int32_t least) {
  constexpr int32_t kMost = 1 << 24;
  const int32_t value = options.integer(name);
  if (value < least || value > kMost) {
    fail(ErrorKind::bad_file, "its option {} is {}; {}..{} is allowed", name, value, least, kMost);
  }
  return value;
}

/// Samples in the order of their arrival, in an op's state: the first element counts them.
class Fifo {
 public:
  static int64_t words(int64_t capacity) { return capacity + 2; }

  explicit Fifo(int16_t* memory) : memory_(memory) {}

  int64_t size() const {
    int32_t count = 0;
    std::memcpy(&count, memory_, sizeof(count));
    return count;
  }
  const int16_t* data() const { return memory_ + 2; }
  void push(const int16_t* values, int64_t count) {
    std::copy_n(values, count, memory_ + 2 + size());
    set_size(size() + count);
  }
  void push_zeros(int64_t count) {
    std::fill_n(memory_ + 2 + size(), count, int16_t{0});
    set_size(size() + count);
  }
  void drop(int64_t count) {
    std::copy(data() + count, data() + size(), memory_ + 2);
    set_size(size() - count);
  }

 private:
  void set_size(int64_t size) {
    const auto count = static_cast<int32_t>(size);
    std::memcpy(memory_, &count, sizeof(count));
  }
  int16_t* memory_;
};

int16_t* state_of(const InvokeArgs& run) { return reinterpret_cast<int16_t*>(run.state); }

int64_t state_bytes(int64_t rows, int64_t words) {
  return checked_mul(checked_mul(rows, words, "state"), static_cast<int64_t>(sizeof(int16_t)),
                     "state");
}

}  // namespace

Kernel prepare_signal_framer(const PrepareArgs& args) {
  const Operand& x = args.input(0);
  const Operand& y = args.output(0);
  const FlexOptions options = options_of(args);
  const int32_t step = bounded(options, "frame_step", 1);
  const int32_t size = bounded(options, "frame_size", step);
  require_type(x, {DataType::int16});
  require_type(y, {DataType::int16});
  require_type(args.output(1), {DataType::boolean});
  require_shape(args.output(1), {});
  require_rank(x, 1, INT32_MAX);
  const int64_t samples = x.shape.back();
  if (samples < step || samples % step != 0) {
    fail(ErrorKind::bad_file, "{} samples do not divide into steps of {}", samples, step);
  }
  const int64_t rows = x.shape.elements(0, x.shape.rank() - 1);
  const int64_t frames = samples / step;
  if (y.shape.elements() != checked_mul(rows * frames, size, "frames")) {
    fail(ErrorKind::bad_file, "{} has shape {}; {} frames of {} are made", y.name,
         to_string(y.shape), rows * frames, size);
  }
  const int64_t words = Fifo::words((static_cast<int64_t>(size) + step - 1) / step * step);
  const bool prefill = options.boolean("prefill");
  Kernel kernel{[=](const InvokeArgs& run) {
                  bool complete = true;
                  for (int64_t i = 0; i < rows * frames; ++i) {
                    Fifo fifo(state_of(run) + i / frames * words);
                    int16_t* to = run.out<int16_t>(0) + i * size;
                    fifo.push(run.in<int16_t>(0) + i * step, step);
                    if (fifo.size() >= size) {
                      std::copy_n(fifo.data(), size, to);
                      fifo.drop(step);
                    } else {
                      std::fill_n(to, size, int16_t{0});
                      complete = false;
                    }
                  }
                  *run.out<bool>(1) = complete;
                },
                0, state_bytes(rows, words)};
  if (prefill) {
    kernel.reset = [=](std::byte* state) {
      for (int64_t row = 0; row < rows; ++row) {
        Fifo(reinterpret_cast<int16_t*>(state) + row * words).push_zeros(size - step);
      }
    };
  }
  return kernel;
}

namespace {

int16_t overlapped(int16_t a, int16_t b) {
  return static_cast<int16_t>(std::clamp(int32_t{a} + b, -32768, 32767));
}
float overlapped(float a, float b) { return a + b; }

template <class T>
Kernel overlap_add(int64_t rows, int64_t frames, int64_t size, int64_t step) {
  return {[=](const InvokeArgs& run) {
            for (int64_t i = 0; i < rows * frames; ++i) {
              T* sums = reinterpret_cast<T*>(run.state) + i / frames * size;
              const T* frame = run.in<T>(0) + i * size;
              for (int64_t j = 0; j < size; ++j) sums[j] = overlapped(frame[j], sums[j]);
              std::copy_n(sums, step, run.out<T>() + i * step);
              std::copy(sums + step, sums + size, sums);
              std::fill(sums + size - step, sums + size, T{});
            }
          },
          0,
          checked_mul(checked_mul(rows, size, "state"), static_cast<int64_t>(sizeof(T)), "state")};
}

}  // namespace

Kernel prepare_signal_overlap_add(const PrepareArgs& args) {
  const Operand& x = args.input(0);
  const Operand& y = args.output();
  require_type(x, {DataType::int16, DataType::float32});
  require_same_type(x, y);
  require_rank(x, 2, INT32_MAX);
  const int32_t step = bounded(options_of(args), "frame_step", 1);
  const int rank = x.shape.rank();
  const int64_t size = x.shape[rank - 1];
  const int64_t frames = x.shape[rank - 2];
  const int64_t rows = x.shape.elements(0, rank - 2);
  if (step > size || frames < 1 ||
      y.shape.elements() != checked_mul(rows * frames, step, "overlapped samples")) {
    fail(ErrorKind::bad_file, "frames of shape {} with steps of {} do not make shape {}",
         to_string(x.shape), step, to_string(y.shape));
  }
  return x.type == DataType::int16 ? overlap_add<int16_t>(rows, frames, size, step)
                                   : overlap_add<float>(rows, frames, size, step);
}

Kernel prepare_signal_stacker(const PrepareArgs& args) {
  const Operand& x = args.input(0);
  const Operand& y = args.output(0);
  const FlexOptions options = options_of(args);
  const int64_t channels = bounded(options, "num_channels", 1);
  const int64_t left = bounded(options, "stacker_left_context", 0);
  const int64_t frames = left + bounded(options, "stacker_right_context", 0) + 1;
  const int64_t step = bounded(options, "stacker_step", 1);
  require_type(x, {DataType::int16});
  require_type(y, {DataType::int16});
  require_type(args.output(1), {DataType::boolean});
  require_shape(args.output(1), {});
  const int64_t size = checked_mul(channels, frames, "stacked values");
  if (x.shape.elements() != channels || y.shape.elements() != size || step > frames) {
    fail(ErrorKind::bad_file, "{} frames of {} channels, {} at a time, do not fit {} and {}",
         frames, channels, step, to_string(x.shape), to_string(y.shape));
  }
  // One more element tells whether the first frame has come.
  const int64_t words = Fifo::words(size) + 1;
  return {[=](const InvokeArgs& run) {
            int16_t& started = *state_of(run);
            Fifo fifo(state_of(run) + 1);
            const int64_t copies = started != 0 ? 1 : left + 1;
            for (int64_t i = 0; i < copies; ++i) fifo.push(run.in<int16_t>(0), channels);
            started = 1;
            const bool full = fifo.size() >= size;
            *run.out<bool>(1) = full;
            if (full) {
              std::copy_n(fifo.data(), size, run.out<int16_t>(0));
              fifo.drop(step * channels);
            } else {
              std::fill_n(run.out<int16_t>(0), size, int16_t{0});
            }
          },
          0, state_bytes(1, words)};
}

Kernel prepare_signal_delay(const PrepareArgs& args) {
  const Operand& x = args.input(0);
  require_type(x, {DataType::int16});
  require_type(args.output(), {DataType::int16});
  require_same_shape(x, args.output());
  require_rank(x, 1, INT32_MAX);
  const int64_t frame = x.shape.back();
  const int64_t rows = x.shape.elements(0, x.shape.rank() - 1);
  const int64_t delay = bounded(options_of(args), "delay_length", 0);
  const int64_t words = Fifo::words(frame + delay);
  Kernel kernel{[=](const InvokeArgs& run) {
                  for (int64_t row = 0; row < rows; ++row) {
                    Fifo fifo(state_of(run) + row * words);
                    fifo.push(run.in<int16_t>(0) + row * frame, frame);
                    std::copy_n(fifo.data(), frame, run.out<int16_t>() + row * frame);
                    fifo.drop(frame);
                  }
                },
                0, state_bytes(rows, words)};
  kernel.reset = [=](std::byte* state) {
    for (int64_t row = 0; row < rows; ++row) {
      Fifo(reinterpret_cast<int16_t*>(state) + row * words).push_zeros(delay);
    }
  };
  return kernel;
}

Kernel prepare_circular_buffer(const PrepareArgs& args) {
  const Operand& x = args.input(0);
  const Operand& y = args.output();
  require_type(x, {DataType::int8});
  require_type(y, {DataType::int8});
  require_rank(x, 4, 4);
  require_rank(y, 4, 4);
  require_shape(x, {y.shape[0], 1, y.shape[2], y.shape[3]});
  const int64_t slots = y.shape[1];
  const int64_t depth = static_cast<int64_t>(y.shape[2]) * y.shape[3];
  const int64_t bytes = y.shape.elements();
  // Files without a cycle run every time where they have one of these lengths (as in TFLite Micro).
  int32_t cycles = options_of(args).integer("cycles_max");
  if (cycles <= 0) cycles = slots == 5 || slots == 13 || slots == 25 ? 1 : 2;
  if (cycles != 1 || y.shape[0] != 1 || slots < 1) {
    fail(ErrorKind::unsupported,
         "it runs its successors every {} invocations; only 1 has a kernel, with a batch of 1",
         cycles);
  }
  Kernel kernel{[=](const InvokeArgs& run) {
                  auto* frames = reinterpret_cast<int8_t*>(run.state);
                  std::copy(frames + depth, frames + bytes, frames);
                  std::copy_n(run.in<int8_t>(0), depth, frames + bytes - depth);
                  std::copy_n(frames, bytes, run.out<int8_t>());
                },
                0, bytes};
  if (y.quantization->per_tensor()) {
    kernel.reset = [bytes, zero = zero_of(y)](std::byte* state) {
      std::memset(state, zero, static_cast<size_t>(bytes));
    };
  }
  return kernel;
}

}  // namespace smelt
