#pragma once

#include <gtest/gtest.h>

#include <cstddef>
#include <cstring>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "smelt/base/random.h"
#include "smelt/kernels/kernel.h"

namespace smelt {

/// One op with operands of its own, for tests:
///   TestOp op(OpType::add, ArithmeticAttributes{});
///   op.input<float>({2}, {1, 2}).input<float>({2}, {3, 4}).output<float>({2});
///   EXPECT_EQ(op.run<float>(), (std::vector<float>{4, 6}));
/// Every tensor is a heap block of exactly its size, so that sanitizers see reads beyond it.
class TestOp {
 public:
  explicit TestOp(OpType type, Attributes attributes = NoAttributes{}) {
    op_.type = type;
    op_.attributes = std::move(attributes);
  }

  template <class T>
  TestOp& input(Shape shape, std::vector<T> values, Quantization q = {}) {
    add(inputs_, data_type_of<T>, std::move(shape), std::move(q));
    fill(inputs_.back(), values);
    return *this;
  }
  template <class T>
  TestOp& constant(Shape shape, std::vector<T> values, Quantization q = {}) {
    input(std::move(shape), std::move(values), std::move(q));
    inputs_.back().constant = true;
    return *this;
  }
  TestOp& follow(Numerics numerics) {
    numerics_ = numerics;
    return *this;
  }
  /// An operand that the op may write; see `operand`.
  template <class T>
  TestOp& variable(Shape shape, std::vector<T> values, Quantization q = {}) {
    input(std::move(shape), std::move(values), std::move(q));
    inputs_.back().variable = true;
    return *this;
  }
  /// A tensor that only carries scales.
  TestOp& intermediate(DataType type, Quantization q) {
    add(intermediates_, type, {0}, std::move(q));
    return *this;
  }
  TestOp& absent() {
    inputs_.emplace_back();
    return *this;
  }
  /// An operand of raw bytes (float16, int4).
  TestOp& input_bytes(DataType type, Shape shape, std::vector<uint8_t> bytes, Quantization q = {}) {
    add(inputs_, type, std::move(shape), std::move(q));
    fill(inputs_.back(), bytes);
    return *this;
  }
  TestOp& constant_bytes(DataType type, Shape shape, std::vector<uint8_t> bytes,
                         Quantization q = {}) {
    input_bytes(type, std::move(shape), std::move(bytes), std::move(q));
    inputs_.back().constant = true;
    return *this;
  }
  template <class T>
  TestOp& output(Shape shape, Quantization q = {}) {
    return output(data_type_of<T>, std::move(shape), std::move(q));
  }
  TestOp& output(DataType type, Shape shape, Quantization q = {}) {
    add(outputs_, type, std::move(shape), std::move(q));
    const int64_t bytes = storage_bytes(type, outputs_.back().shape.elements());
    outputs_.back().bytes = std::make_unique<uint8_t[]>(static_cast<size_t>(bytes));
    outputs_.back().size = static_cast<size_t>(bytes);
    std::memset(outputs_.back().bytes.get(), 0xA5, static_cast<size_t>(bytes));
    return *this;
  }

  Kernel prepare(KernelChoice choice = KernelChoice::fastest) {
    PrepareArgs args{.op = op_, .inputs = operands(inputs_), .outputs = operands(outputs_)};
    args.intermediates = operands(intermediates_);
    args.choice = choice;
    args.numerics = numerics_;
    return prepare_kernel(args);
  }

  /// Runs the op and returns the values of its first result.
  template <class T>
  std::vector<T> run(KernelChoice choice = KernelChoice::fastest) {
    invoke(prepare(choice));
    return result<T>();
  }

  /// The values of an operand for the next invocation.
  template <class T>
  void set_input(size_t index, const std::vector<T>& values) {
    fill(inputs_.at(index), values);
  }

  /// `state` holds Kernel::state_bytes, reset by the caller.
  void invoke(const Kernel& kernel, std::byte* state = nullptr) {
    std::vector<const void*> in;
    std::vector<void*> out;
    for (const Slot& slot : inputs_) in.push_back(slot.bytes.get());
    for (const Slot& slot : outputs_) out.push_back(slot.bytes.get());
    std::unique_ptr<std::byte[]> scratch(
        new std::byte[static_cast<size_t>(kernel.scratch_bytes) + 64]);
    const auto address = reinterpret_cast<uintptr_t>(scratch.get());
    kernel.invoke({in.data(), out.data(), scratch.get() + (64 - address % 64) % 64, state});
  }

  template <class T>
  std::vector<T> result(size_t index = 0) const {
    return values_of<T>(outputs_.at(index));
  }
  template <class T>
  std::vector<T> operand(size_t index) const {
    return values_of<T>(inputs_.at(index));
  }

 private:
  struct Slot {
    bool present = false;
    bool constant = false;
    bool variable = false;
    DataType type = DataType::float32;
    Shape shape;
    Quantization quantization;
    std::string name;
    std::unique_ptr<uint8_t[]> bytes;
    size_t size = 0;
  };

  template <class T>
  static std::vector<T> values_of(const Slot& slot) {
    EXPECT_EQ(slot.size % sizeof(T), 0u);
    std::vector<T> list;
    for (size_t i = 0; i + sizeof(T) <= slot.size; i += sizeof(T)) {
      T value;
      std::memcpy(&value, slot.bytes.get() + i, sizeof(T));
      list.push_back(value);
    }
    return list;
  }

  static void add(std::deque<Slot>& slots, DataType type, Shape shape, Quantization q) {
    Slot& slot = slots.emplace_back();
    slot.present = true;
    slot.type = type;
    slot.shape = std::move(shape);
    slot.quantization = std::move(q);
    slot.name = "tensor " + std::to_string(slots.size() - 1);
  }

  template <class T>
  static void fill(Slot& slot, const std::vector<T>& values) {
    slot.size = values.size() * sizeof(T);
    slot.bytes.reset(new uint8_t[slot.size]);
    for (size_t i = 0; i < values.size(); ++i) {
      const T value = values[i];
      std::memcpy(slot.bytes.get() + i * sizeof(T), &value, sizeof(T));
    }
  }

  static std::vector<Operand> operands(const std::deque<Slot>& slots) {
    std::vector<Operand> list;
    for (const Slot& slot : slots) {
      Operand operand;
      operand.quantization = &slot.quantization;
      if (slot.present) {
        operand.id = TensorId{static_cast<int32_t>(list.size())};
        operand.name = slot.name;
        operand.type = slot.type;
        operand.shape = slot.shape;
        if (slot.constant) operand.constant = slot.bytes.get();
        operand.is_variable = slot.variable;
      }
      list.push_back(operand);
    }
    return list;
  }

  Op op_;
  std::deque<Slot> inputs_, outputs_, intermediates_;
  Numerics numerics_ = Numerics::reference;
};

/// EXPECT_ERROR(kind, statement): the statement throws smelt::Error of that kind.
#define EXPECT_ERROR(kind_, statement)                           \
  try {                                                          \
    statement;                                                   \
    ADD_FAILURE() << "no error";                                 \
  } catch (const Error& error_) {                                \
    EXPECT_EQ(error_.kind(), ErrorKind::kind_) << error_.what(); \
  }

/// Values for tests; the seed is printed with every failure.
class TestRandom : public Random {
 public:
  explicit TestRandom(uint64_t seed) : Random(seed), trace_(__FILE__, __LINE__, seed_text(seed)) {}

  int32_t between(int32_t low, int32_t high) {
    const uint64_t step = below(static_cast<uint64_t>(int64_t{high} - low + 1));
    return static_cast<int32_t>(low + static_cast<int64_t>(step));
  }
  template <class T>
  std::vector<T> integers(int64_t count, int32_t low = std::numeric_limits<T>::min(),
                          int32_t high = std::numeric_limits<T>::max()) {
    std::vector<T> values;
    for (int64_t i = 0; i < count; ++i) values.push_back(static_cast<T>(between(low, high)));
    return values;
  }
  std::vector<float> floats(int64_t count, float low, float high) {
    std::vector<float> values;
    for (int64_t i = 0; i < count; ++i) values.push_back(uniform(low, high));
    return values;
  }

 private:
  static std::string seed_text(uint64_t seed) { return "seed " + std::to_string(seed); }
  ::testing::ScopedTrace trace_;
};

}  // namespace smelt
