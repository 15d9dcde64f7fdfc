#include <gtest/gtest.h>

#include <set>

#include "smelt/formats/tflite/test_models.h"
#include "smelt/formats/tflite/zip_tail.h"
#include "smelt/ir/dump.h"
#include "tflite_schema.h"

namespace smelt::tflite {
namespace {

const schema::Model& root(const std::vector<uint8_t>& bytes) {
  return *schema::GetModel(bytes.data());
}

TEST(Layout, ConstantsStartAtMultiplesOf16) {
  Model model = small_int8_model();
  model.metadata = {{"mine", Buffer::of(std::vector<uint8_t>{1, 2, 3})}};
  const std::vector<uint8_t> bytes = serialize(model);
  int seen = 0;
  for (const schema::Buffer* buffer : *root(bytes).buffers()) {
    if (buffer->data() == nullptr) continue;
    EXPECT_EQ((buffer->data()->data() - bytes.data()) % 16, 0);
    ++seen;
  }
  EXPECT_EQ(seen, 6);
  const std::vector<uint8_t> behind = serialize(model, {.inline_limit = 0});
  for (const schema::Buffer* buffer : *root(behind).buffers()) {
    EXPECT_EQ(buffer->offset() % 16, 0u);
  }
}

TEST(Layout, EqualPartsStandOnce) {
  const std::vector<uint8_t> bytes = serialize(small_int8_model());
  const schema::SubGraph& graph = *root(bytes).subgraphs()->Get(0);
  std::set<const void*> shapes, zero_points, scales, quantizations, options;
  for (const schema::Tensor* tensor : *graph.tensors()) {
    shapes.insert(tensor->shape());
    if (tensor->quantization() == nullptr) continue;
    quantizations.insert(tensor->quantization());
    if (tensor->quantization()->scale()->size() != 8) continue;
    scales.insert(tensor->quantization()->scale());
    zero_points.insert(tensor->quantization()->zero_point());
  }
  for (const schema::Operator* op : *graph.operators()) {
    if (op->builtin_options() != nullptr) options.insert(op->builtin_options());
  }
  EXPECT_EQ(zero_points.size(), 1u);
  EXPECT_EQ(scales.size(), 4u);
  EXPECT_EQ(quantizations.size(), 5u);  // the activations share one
  EXPECT_EQ(options.size(), 1u);        // both convolutions
  EXPECT_EQ(shapes.size(), 5u);
  EXPECT_EQ(root(bytes).operator_codes()->size(), 2u);
}

TEST(Layout, EqualConstantsStandOnce) {
  GraphBuilder b;
  const TensorId x = b.input("x", DataType::float32, {64});
  const std::vector<float> values(64, 3.0f);
  TensorId y = x;
  for (int i = 0; i < 4; ++i) {
    const TensorId c = b.constant("c" + std::to_string(i), {64}, values);
    y = b.op(OpType::add, {y, c}, ArithmeticAttributes{}, "y" + std::to_string(i),
             DataType::float32, {64});
  }
  b.output(y);
  const std::vector<uint8_t> bytes = serialize(std::move(b).build_model());
  EXPECT_EQ(root(bytes).buffers()->size(), 2u);
}

TEST(Layout, GreaterCodesFillTheOldField) {
  GraphBuilder b;
  const TensorId x = b.input("x", DataType::float32, {4});
  b.output(b.op(OpType::gelu, {x}, GeluAttributes{}, "y", DataType::float32, {4}));
  const std::vector<uint8_t> bytes = serialize(std::move(b).build_model());
  const schema::OperatorCode& code = *root(bytes).operator_codes()->Get(0);
  EXPECT_EQ(static_cast<int>(code.builtin_code()), 150);
  EXPECT_EQ(code.deprecated_builtin_code(), 127);
}

Model int64_model() {
  GraphBuilder b;
  const TensorId x = b.input("x", DataType::int64, {2});
  const TensorId c = b.constant<int64_t>("c", {2}, {1, -2});
  b.output(b.op(OpType::add, {x, c}, ArithmeticAttributes{}, "y", DataType::int64, {2}));
  return std::move(b).build_model();
}

const Buffer& constant_of(const Model& model) {
  const Graph& graph = model.main();
  return graph.tensor(graph.op(graph.ops()[0]).input(1)).data;
}

TEST(Layout, MisalignedConstantsAreCopied) {
  for (const uint64_t shift : {0, 4}) {
    // The constant stands behind the flatbuffer, moved back by `shift` bytes.
    std::vector<uint8_t> bytes = serialize(int64_model(), {.inline_limit = 0});
    const schema::Buffer* buffer = root(bytes).buffers()->Get(1);
    const uint64_t offset = buffer->offset();
    auto* table = reinterpret_cast<flatbuffers::Table*>(const_cast<schema::Buffer*>(buffer));
    table->SetField<uint64_t>(schema::Buffer::VT_OFFSET, offset + shift, 0);
    bytes.insert(bytes.begin() + static_cast<std::ptrdiff_t>(offset), shift, 0);
    const auto owner = std::make_shared<const std::vector<uint8_t>>(std::move(bytes));
    const Model model = parse(*owner, owner);
    const Buffer& data = constant_of(model);
    EXPECT_EQ(data.as<int64_t>()[1], -2);
    const bool is_view =
        data.bytes().data() >= owner->data() && data.bytes().data() < owner->data() + owner->size();
    EXPECT_EQ(is_view, shift == 0);
  }
}

TEST(Layout, FilesAtAnyAddressAreRead) {
  const std::vector<uint8_t> bytes = serialize(int64_model());
  for (size_t shift = 1; shift < 8; ++shift) {
    const auto owner = std::make_shared<std::vector<uint8_t>>(shift, 0);
    owner->insert(owner->end(), bytes.begin(), bytes.end());
    const Model model = parse(ByteView(*owner).subspan(shift), owner);
    EXPECT_EQ(constant_of(model).as<int64_t>()[1], -2);
  }
}

/// An archive with one stored file of 3 bytes, for position `at` of a file.
std::vector<uint8_t> zip_at(uint32_t at) {
  std::vector<uint8_t> zip;
  auto put = [&](std::initializer_list<uint32_t> values, size_t width) {
    for (const uint32_t value : values) {
      for (size_t i = 0; i < width; ++i) zip.push_back(static_cast<uint8_t>(value >> (8 * i)));
    }
  };
  put({0x04034b50}, 4), put({20, 0, 0, 0, 0}, 2), put({0, 3, 3}, 4), put({1, 0}, 2);
  zip.insert(zip.end(), {'a', 'x', 'y', 'z'});
  const auto directory = static_cast<uint32_t>(zip.size());
  put({0x02014b50}, 4), put({20, 20, 0, 0, 0, 0}, 2), put({0, 3, 3}, 4);
  put({1, 0, 0, 0, 0}, 2), put({0, at}, 4), zip.push_back('a');
  const uint32_t size = static_cast<uint32_t>(zip.size()) - directory;
  put({0x06054b50}, 4), put({0, 0, 1, 1}, 2), put({size, at + directory}, 4), put({0}, 2);
  return zip;
}

TEST(Layout, ZipBehindTheModelMovesWithIt) {
  const Model model = small_int8_model();
  std::vector<uint8_t> bytes = serialize(model);
  bytes.resize(bytes.size() + 40);  // padding as other writers leave it
  const auto at = static_cast<uint32_t>(bytes.size());
  const std::vector<uint8_t> zip = zip_at(at);
  bytes.insert(bytes.end(), zip.begin(), zip.end());
  const Model loaded = parse_bytes(bytes);
  EXPECT_EQ(loaded.trailing_bytes, zip_at(0));
  const std::vector<uint8_t> again = serialize(loaded);
  const auto begin = static_cast<uint32_t>(again.size() - zip.size());
  EXPECT_LT(begin, at);
  EXPECT_EQ(std::vector<uint8_t>(again.begin() + begin, again.end()), zip_at(begin));
  EXPECT_EQ(difference(loaded, parse_bytes(again)), "");
}

TEST(Layout, BytesThatAreNoZipStayAsTheyAre) {
  for (std::vector<uint8_t> bytes : {std::vector<uint8_t>{}, {1, 2, 3}, zip_at(5)}) {
    if (bytes.size() > 60) bytes[34] ^= 0xff;  // the mark of the directory's entry
    const std::vector<uint8_t> before = bytes;
    shift_zip(bytes, 1000);
    EXPECT_EQ(bytes, before);
  }
}

TEST(Layout, SameBytesEveryTime) {
  EXPECT_EQ(serialize(small_int8_model()), serialize(small_int8_model()));
}

}  // namespace
}  // namespace smelt::tflite
