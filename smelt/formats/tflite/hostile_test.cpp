#include <gtest/gtest.h>

#include "smelt/base/random.h"
#include "smelt/formats/tflite/test_models.h"
#include "smelt/ir/dump.h"
#include "tflite_schema.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace smelt::tflite {
namespace {

using flatbuffers::FlatBufferBuilder;

std::string error_of(const std::vector<uint8_t>& bytes) {
  try {
    parse_bytes(bytes);
  } catch (const Error& error) {
    EXPECT_NE(error.kind(), ErrorKind::internal) << error.what();
    return error.what();
  }
  return "";
}

TEST(Hostile, EveryCutIsAnError) {
  const std::vector<uint8_t> bytes = serialize(small_int8_model());
  constexpr size_t kPadding = 16;  // the end may be nothing but that
  for (size_t size = 0; size + kPadding < bytes.size(); size += 8) {
    EXPECT_NE(error_of({bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size)}), "")
        << size;
  }
}

TEST(Hostile, MutationsGiveAnErrorOrAModel) {
  const std::vector<uint8_t> bytes = serialize(small_int8_model());
  Random random(20240607);
  for (int i = 0; i < 2000; ++i) {
    std::vector<uint8_t> mutated = bytes;
    for (uint64_t n = 1 + random.below(4); n > 0; --n) {
      mutated[random.below(mutated.size())] = static_cast<uint8_t>(random.next());
    }
    LLVMFuzzerTestOneInput(mutated.data(), mutated.size());
  }
}

TEST(Hostile, OtherFilesAreNotModels) {
  EXPECT_NE(error_of({}).find("TFL3"), std::string::npos);
  EXPECT_NE(error_of(std::vector<uint8_t>(1000, 0x20)).find("TFL3"), std::string::npos);
}

/// A model of one graph that the flatbuffer's own checks accept: `change` spoils its parts.
struct Parts {
  std::vector<int32_t> shape = {4};
  int type = 0;
  uint32_t buffer = 0;
  std::vector<float> scale;
  std::vector<int64_t> zero_point;
  int32_t axis = 0;
  int8_t code = 59;  // NEG
  uint32_t kind = 0;
  std::vector<int32_t> inputs = {0}, outputs = {1};
  std::vector<int32_t> graph_inputs = {0}, graph_outputs = {1};
  uint64_t data_offset = 0, data_size = 0;
  uint32_t metadata_buffer = 0;
  uint32_t signature_graph = 0, signature_tensor = 0;
  int8_t padding = 0;
};

std::vector<uint8_t> file_of(const Parts& parts) {
  FlatBufferBuilder b;
  const auto quantization = schema::CreateQuantizationParametersDirect(
      b, nullptr, nullptr, &parts.scale, &parts.zero_point, schema::QuantizationDetails::NONE, 0,
      parts.axis);
  std::vector<flatbuffers::Offset<schema::Tensor>> tensors = {
      schema::CreateTensorDirect(b, &parts.shape, static_cast<schema::TensorType>(parts.type),
                                 parts.buffer, "x", quantization),
      schema::CreateTensorDirect(b, &parts.shape, schema::TensorType::FLOAT32, 0, "y")};
  flatbuffers::Offset<void> options;
  auto options_kind = schema::BuiltinOptions::NONE;
  if (parts.padding != 0) {
    options_kind = schema::BuiltinOptions::Conv2DOptions;
    options = schema::CreateConv2DOptions(b, static_cast<schema::Padding>(parts.padding)).Union();
  }
  std::vector<flatbuffers::Offset<schema::Operator>> ops = {schema::CreateOperatorDirect(
      b, parts.kind, &parts.inputs, &parts.outputs, options_kind, options)};
  std::vector<flatbuffers::Offset<schema::SubGraph>> graphs = {schema::CreateSubGraphDirect(
      b, &tensors, &parts.graph_inputs, &parts.graph_outputs, &ops, "main")};
  std::vector<flatbuffers::Offset<schema::OperatorCode>> codes = {
      schema::CreateOperatorCodeDirect(b, parts.code)};
  std::vector<flatbuffers::Offset<schema::Buffer>> buffers = {
      schema::CreateBuffer(b), schema::CreateBuffer(b, 0, parts.data_offset, parts.data_size)};
  std::vector<flatbuffers::Offset<schema::Metadata>> metadata = {
      schema::CreateMetadataDirect(b, "m", parts.metadata_buffer)};
  std::vector<flatbuffers::Offset<schema::TensorMap>> entries = {
      schema::CreateTensorMapDirect(b, "in", parts.signature_tensor)};
  std::vector<flatbuffers::Offset<schema::SignatureDef>> signatures = {
      schema::CreateSignatureDefDirect(b, &entries, nullptr, "serve", parts.signature_graph)};
  b.Finish(schema::CreateModelDirect(b, 3, &codes, &graphs, nullptr, &buffers, nullptr, &metadata,
                                     &signatures),
           schema::ModelIdentifier());
  return {b.GetBufferPointer(), b.GetBufferPointer() + b.GetSize()};
}

TEST(Hostile, TheUnspoiledModelLoads) { EXPECT_EQ(error_of(file_of({})), ""); }

TEST(Hostile, EveryIndexIsChecked) {
  const std::vector<Parts> spoiled = {
      {.shape = {-2}},
      {.shape = {1 << 30, 1 << 30, 1 << 30}, .buffer = 1, .data_offset = 16, .data_size = 16},
      {.type = 23},
      {.type = -1},
      {.buffer = 2},
      {.scale = {1, 2, 3}, .zero_point = {0, 0, 0}},
      {.scale = {1, 2, 3, 4}, .zero_point = {0, 0}},
      {.shape = {4, 2}, .scale = {1, 2, 3, 4}, .axis = -5},
      {.scale = {-1}},
      {.scale = {std::numeric_limits<float>::quiet_NaN()}},
      {.scale = {std::numeric_limits<float>::infinity()}},
      {.code = 127},
      {.code = 32},  // a custom operator without a name
      {.kind = 1},
      {.inputs = {2}},
      {.inputs = {-2}},
      {.outputs = {2}},
      {.graph_inputs = {2}},
      {.graph_inputs = {-1}},
      {.graph_outputs = {5}},
      {.buffer = 1, .data_offset = 1u << 30, .data_size = 16},
      {.buffer = 1, .data_offset = ~uint64_t{0} - 8, .data_size = 16},
      {.buffer = 1, .data_offset = 16, .data_size = ~uint64_t{0}},
      {.buffer = 1, .data_offset = 16, .data_size = 15},
      {.metadata_buffer = 9},
      {.signature_graph = 1},
      {.signature_tensor = 2},
      {.signature_tensor = 0xffffffff},
      {.code = 3, .padding = 2},
  };
  for (size_t i = 0; i < spoiled.size(); ++i) EXPECT_NE(error_of(file_of(spoiled[i])), "") << i;
}

TEST(Hostile, OddButRealQuantizationIsTaken) {
  auto quantization = [](const Parts& parts) {
    const Model model = parse_bytes(file_of(parts));
    return model.main().tensor({0}).quantization;
  };
  // A bias whose axis is the filter's; zero points missing or given once.
  EXPECT_EQ(quantization({.scale = {1, 2, 3, 4}, .zero_point = {0, 0, 0, 0}, .axis = 3}).axis, 0);
  EXPECT_EQ(quantization({.scale = {1, 2, 3, 4}}).zero_point, std::vector<int64_t>(4, 0));
  EXPECT_EQ(quantization({.scale = {1, 2, 3, 4}, .zero_point = {5}}).zero_point,
            std::vector<int64_t>(4, 5));
  EXPECT_EQ(quantization({.scale = {1}, .zero_point = {5}, .axis = 3}).axis, 0);
}

TEST(Hostile, RangesThatAreNoNumbersSurvive) {
  Model model = small_int8_model();
  Quantization& q = model.main().tensor(model.main().inputs()[0]).quantization;
  q.min = {std::numeric_limits<float>::quiet_NaN()};
  EXPECT_EQ(difference(model, parse_bytes(serialize(model))), "");
}

TEST(Hostile, OptionsThatAreNoNumbersAreRefused) {
  GraphBuilder b;
  const TensorId x = b.input("x", DataType::float32, {1, 4});
  const SoftmaxAttributes attributes{.beta = std::numeric_limits<float>::quiet_NaN()};
  b.output(b.op(OpType::softmax, {x}, attributes, "y", DataType::float32, {1, 4}));
  EXPECT_NE(error_of(serialize(std::move(b).build_model())).find("NaN"), std::string::npos);
}

TEST(Hostile, UnknownFieldsAreNotLost) {
  // A table of options with one field more than the schema lists.
  FlatBufferBuilder b;
  const auto start = b.StartTable();
  b.AddElement<int32_t>(4, 7, 0);
  b.AddElement<int32_t>(4 + 2 * 20, 7, 0);
  const flatbuffers::Offset<void> table(b.EndTable(start));
  std::vector<int32_t> none;
  std::vector<flatbuffers::Offset<schema::Operator>> ops = {schema::CreateOperatorDirect(
      b, 0, &none, &none, schema::BuiltinOptions::GatherOptions, table)};
  std::vector<flatbuffers::Offset<schema::SubGraph>> graphs = {
      schema::CreateSubGraphDirect(b, nullptr, nullptr, nullptr, &ops)};
  std::vector<flatbuffers::Offset<schema::OperatorCode>> codes = {
      schema::CreateOperatorCodeDirect(b, 36)};
  b.Finish(schema::CreateModelDirect(b, 3, &codes, &graphs), schema::ModelIdentifier());
  const std::vector<uint8_t> bytes(b.GetBufferPointer(), b.GetBufferPointer() + b.GetSize());
  EXPECT_NE(error_of(bytes).find("newer"), std::string::npos) << error_of(bytes);
}

TEST(Hostile, SharedVectorsCannotGrowWithoutBound) {
  FlatBufferBuilder b;
  const std::vector<int32_t> long_list(100000, -1);
  const auto list = b.CreateVector(long_list);
  const auto op = schema::CreateOperator(b, 0, list, list);
  const std::vector<flatbuffers::Offset<schema::Operator>> ops(100000, op);
  const auto graph = schema::CreateSubGraph(b, 0, 0, 0, b.CreateVector(ops));
  std::vector<flatbuffers::Offset<schema::SubGraph>> graphs = {graph};
  std::vector<flatbuffers::Offset<schema::OperatorCode>> codes = {
      schema::CreateOperatorCodeDirect(b, 59)};
  b.Finish(schema::CreateModelDirect(b, 3, &codes, &graphs), schema::ModelIdentifier());
  const std::vector<uint8_t> bytes(b.GetBufferPointer(), b.GetBufferPointer() + b.GetSize());
  EXPECT_NE(error_of(bytes).find("far larger"), std::string::npos) << error_of(bytes);
}

TEST(Hostile, GraphsThatCallThemselves) {
  Model model;
  for (int i = 0; i < 2; ++i) {
    GraphBuilder b("g" + std::to_string(i));
    const TensorId x = b.input("x", DataType::float32, {1});
    b.output(b.op(OpType::call, {x}, CallAttributes{1}, "y", DataType::float32, {1}));
    model.graphs.push_back(std::move(b).build());
  }
  EXPECT_NE(error_of(serialize(model)).find("calls itself"), std::string::npos);
}

}  // namespace
}  // namespace smelt::tflite
