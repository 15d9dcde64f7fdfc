#include <gtest/gtest.h>

#include <type_traits>

#include "smelt/formats/tflite/test_models.h"
#include "smelt/ir/dump.h"
#include "smelt/ir/verify.h"

namespace smelt::tflite {
namespace {

Model round_trip(const Model& model, const SaveOptions& options = {}) {
  return parse_bytes(serialize(model, options));
}

/// Sets every field to something that is no default anywhere in the schema.
struct Changer {
  int step = 0;

  template <class T>
  void operator()(std::string_view field, T& value) {
    ++step;
    if constexpr (std::is_same_v<T, bool>) {
      value = !value;
    } else if constexpr (std::is_same_v<T, Padding>) {
      value = Padding::valid;
    } else if constexpr (std::is_same_v<T, Activation>) {
      value = Activation::relu6;
    } else if constexpr (std::is_same_v<T, WeightsFormat>) {
      value = WeightsFormat::shuffled4x16_int8;
    } else if constexpr (std::is_same_v<T, DataType>) {
      value = DataType::int64;
    } else if constexpr (std::is_arithmetic_v<T>) {
      // Calls must name a graph that exists and is not their own.
      value = field.ends_with("graph") ? T{1} : static_cast<T>(2 + step);
    } else if constexpr (std::is_same_v<T, std::string>) {
      value = "text " + std::to_string(step);
    } else {
      set(value);
    }
  }
  template <class T>
  void set(std::vector<T>& values) {
    values = {T{3}, T{1}, T{2}};
  }
  void set(std::optional<std::vector<int32_t>>& value) { value = {4, 5}; }
  void set(OptionsFormat&) {}  // there is one only
  void set(RecurrentCell& cell) { cell = RecurrentCell::gru; }
  void set(CellActivation& activation) { activation = CellActivation::relu; }
};

/// One op of the kind between two tensors, and a second graph that control flow may call.
Model model_of(OpType type, Attributes attributes) {
  Model model;
  for (const char* name : {"main", "called"}) {
    GraphBuilder b(name);
    const TensorId x = b.input("x", DataType::float32, {2, 3});
    const bool called = name[0] == 'c';
    b.output(b.op(called ? OpType::neg : type, {x}, called ? NoAttributes{} : attributes, "y",
                  DataType::float32, {2, 3}));
    model.graphs.push_back(std::move(b).build());
  }
  return model;
}

std::vector<OpType> ops_with_a_code() {
  std::vector<OpType> ops;
  for (int i = 0; i < kOpTypeCount; ++i) {
    if (builtin_code(static_cast<OpType>(i)) >= 0) ops.push_back(static_cast<OpType>(i));
  }
  return ops;
}

TEST(RoundTrip, AttributesOfEveryOp) {
  for (const OpType type : ops_with_a_code()) {
    Attributes changed = default_attributes(type);
    if (!std::holds_alternative<OpaqueAttributes>(changed)) visit_fields(changed, Changer{});
    for (const Attributes& attributes : {changed, default_attributes(type)}) {
      const bool calls = type == OpType::call || type == OpType::if_ || type == OpType::while_ ||
                         type == OpType::call_once || type == OpType::stablehlo_composite;
      if (calls && attributes == default_attributes(type)) continue;  // would call itself
      const Model model = model_of(type, attributes);
      const Model again = round_trip(model);
      EXPECT_EQ(difference(model, again), "") << name(type);
      EXPECT_EQ(serialize(model), serialize(again)) << name(type);
    }
  }
}

TEST(RoundTrip, OpsInTrainingFormAreRefused) {
  try {
    serialize(model_of(OpType::dropout, DropoutAttributes{}));
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::unsupported);
    EXPECT_NE(std::string(error.what()).find("DROPOUT"), std::string::npos);
  }
}

TEST(RoundTrip, WithAndWithoutNames) {
  const Model model = small_int8_model();
  EXPECT_EQ(difference(model, round_trip(model)), "");
  const Model bare = round_trip(model, {.names = false});
  EXPECT_EQ(difference(model, bare, false), "");
  for (const TensorId id : bare.main().tensors()) EXPECT_EQ(bare.main().tensor(id).name, "");
}

/// One constant "c" with whatever `change` does to it, added to a graph input.
template <class Change>
Model model_with_constant(Change&& change) {
  GraphBuilder b("main");
  const TensorId x = b.input("x", DataType::float32, {4, 8});
  Tensor c = Tensor::constant("c", {4, 8}, std::vector<float>(32, 1.5f));
  change(b, c);
  b.output(b.op(OpType::add, {x, b.tensor(std::move(c))}, ArithmeticAttributes{}, "y",
                DataType::float32, {4, 8}));
  return std::move(b).build_model();
}

const Tensor& constant_of(const Model& model) {
  const Graph& graph = model.main();
  return graph.tensor(graph.op(graph.ops().back()).input(1));
}

TEST(RoundTrip, QuantizationOfAllKinds) {
  Quantization full = per_channel(8, 1);
  full.zero_point[3] = -7;
  full.min.assign(8, -1.0f);
  full.max.assign(8, 2.0f);
  Quantization custom;
  custom.details = CustomQuantization{{1, 2, 3, 4, 5}};
  for (const Quantization& q : {full, Quantization::per_tensor(0.25f, 3), custom}) {
    const Model model = model_with_constant([&](GraphBuilder&, Tensor& c) { c.quantization = q; });
    EXPECT_EQ(constant_of(round_trip(model)).quantization, q);
  }
}

TEST(RoundTrip, BlockScalesFollowTheirTensors) {
  for (const bool multi_axis : {false, true}) {
    for (const bool with_zero_points : {false, true}) {
      const Model model = model_with_constant([&](GraphBuilder& b, Tensor& c) {
        BlockwiseScales blocks{.block_size = 4};
        blocks.scales = b.constant<float>("scales", {4, 2}, std::vector<float>(8, 0.5f));
        if (with_zero_points) {
          blocks.zero_points = b.constant<int32_t>("zeros", {4, 2}, std::vector<int32_t>(8, 0));
        }
        if (multi_axis) blocks.axes = {0, 1};
        c.quantization.details = blocks;
      });
      const Model again = round_trip(model);
      const auto& blocks = std::get<BlockwiseScales>(constant_of(again).quantization.details);
      EXPECT_EQ(again.main().tensor(blocks.scales).name, "scales");
      EXPECT_EQ(static_cast<bool>(blocks.zero_points), with_zero_points);
      EXPECT_EQ(blocks.block_size, 4);
      EXPECT_EQ(blocks.axes.size(), multi_axis ? 2u : 0u);
    }
  }
}

TEST(RoundTrip, SparseConstants) {
  // 4x8 in CSR with rows of 2, 0, 1 and 0 values.
  const Model model = model_with_constant([&](GraphBuilder&, Tensor& c) {
    c.data = Buffer::of(std::vector<float>{1, 2, 3});
    Sparsity sparsity{.traversal_order = {0, 1}};
    sparsity.dimensions.push_back({.dense_size = 4});
    sparsity.dimensions.push_back({.compressed = true,
                                   .segments = std::vector<uint8_t>{0, 2, 2, 3, 3},
                                   .indices = std::vector<uint16_t>{1, 7, 0}});
    c.sparsity = std::make_shared<const Sparsity>(sparsity);
  });
  EXPECT_EQ(difference(model, round_trip(model)), "");
}

TEST(RoundTrip, BadSparsityIsRefused) {
  auto sparse = [](std::vector<uint8_t> segments, std::vector<uint16_t> indices) {
    return serialize(model_with_constant([&](GraphBuilder&, Tensor& c) {
      c.data = Buffer::of(std::vector<float>{1, 2, 3});
      Sparsity sparsity{.traversal_order = {0, 1}};
      sparsity.dimensions.push_back({.dense_size = 4});
      sparsity.dimensions.push_back({.compressed = true, .segments = segments, .indices = indices});
      c.sparsity = std::make_shared<const Sparsity>(sparsity);
    }));
  };
  EXPECT_NO_THROW(parse_bytes(sparse({0, 2, 2, 3, 3}, {1, 7, 0})));
  EXPECT_THROW(parse_bytes(sparse({0, 2, 2, 3, 3}, {1, 8, 0})), Error);  // index past its axis
  EXPECT_THROW(parse_bytes(sparse({0, 2, 2, 3}, {1, 7, 0})), Error);     // a row lacks its end
  EXPECT_THROW(parse_bytes(sparse({0, 3, 2, 3, 3}, {1, 7, 0})), Error);  // segments fall
  EXPECT_THROW(parse_bytes(sparse({0, 2, 2, 2, 2}, {1, 7})), Error);     // a value too many
}

TEST(RoundTrip, WhatElseATensorHolds) {
  GraphBuilder b("main");
  const TensorId x = b.input("x", DataType::float32, {1, 4});
  b.graph().tensor(x).shape_signature = Shape{-1, 4};
  b.graph().tensor(x).has_rank = true;
  Tensor state{.name = "state", .shape = {1, 4}};
  state.is_variable = true;
  Tensor list{.name = "list", .type = DataType::variant, .shape = {}};
  list.variant_elements = {{.shape = {2, -1}, .type = DataType::int32, .has_rank = true}};
  Tensor beside{.name = "beside", .shape = {1, 4}, .external_buffer = 7};
  beside.is_variable = true;
  Tensor nothing{.name = "nothing", .type = DataType::int32, .shape = {0}, .is_constant = true};
  const std::vector<TensorId> ids = {
      x, b.tensor(state), b.tensor(list), b.tensor(beside), b.tensor(nothing), TensorId::none};
  b.graph().tensor(ids[2]).is_variable = true;
  const TensorId y = b.tensor({.name = "y", .shape = {1, 4}});
  const TensorId scratch = b.tensor({.name = "gate", .shape = {1, 4}});
  Op op{.type = OpType::custom,
        .inputs = ids,
        .outputs = {y},
        .attributes = CustomAttributes{.code = "Mine", .options = {9, 8, 7}, .options_format = 0},
        .intermediates = {scratch, TensorId::none},
        .version = 5,
        .mutating_variable_inputs = {false, true, false, false, false, false}};
  b.graph().add_op(op);
  b.output(y);
  b.output(y);
  Model model = std::move(b).build_model();
  model.description = "what it is";
  model.metadata = {{"mine", Buffer::of(std::vector<uint8_t>{1, 2})}, {"empty", {}}};
  model.external_buffer_groups = {"weights.bin"};
  model.external_buffers = {{.id = 7, .group = 0, .offset = 64, .length = 16, .packing = "raw"}};
  model.signatures = {{.key = "serve", .inputs = {{"in", x}}, .outputs = {{"out", y}}}};
  const Model again = round_trip(model);
  EXPECT_EQ(difference(model, again), "");
  EXPECT_EQ(again.main().op(again.main().ops()[0]).version, 5);
  EXPECT_EQ(again.signatures[0].outputs[0].tensor, again.main().outputs()[0]);
}

TEST(RoundTrip, MetadataOfTheSourceCanBeDropped) {
  Model model = small_int8_model();
  const Buffer data = Buffer::of(std::vector<uint8_t>(16, 'x'));
  model.metadata = {{"min_runtime_version", data}, {"labels", data}, {"CONVERSION_METADATA", data}};
  EXPECT_EQ(round_trip(model).metadata, model.metadata);
  const Model made = round_trip(model, {.source_metadata = false});
  ASSERT_EQ(made.metadata.size(), 1u);
  EXPECT_EQ(made.metadata[0].name, "labels");
}

TEST(RoundTrip, MemoryPlanGoesWhenTensorsDo) {
  Model model = small_int8_model();
  const auto count = static_cast<int32_t>(model.main().tensors().size());
  model.metadata = {{"OfflineMemoryAllocation", Buffer::of(std::vector<int32_t>{1, 0, count})}};
  EXPECT_EQ(round_trip(model).metadata.size(), 1u);
  model.main().add_tensor({.name = "another", .shape = {1}});
  EXPECT_EQ(round_trip(model).metadata.size(), 0u);
}

TEST(RoundTrip, ConstantsBehindTheFlatbuffer) {
  Model model = small_int8_model();
  model.metadata = {{"mine", Buffer::of(std::vector<uint8_t>{1, 2, 3})}};
  model.trailing_bytes = {'t', 'a', 'i', 'l'};
  const std::vector<uint8_t> within = serialize(model);
  const std::vector<uint8_t> behind = serialize(model, {.inline_limit = 0});
  EXPECT_NE(within, behind);
  const Model again = parse_bytes(behind);
  EXPECT_EQ(difference(model, again), "");
  EXPECT_EQ(serialize(again), within);
}

TEST(RoundTrip, ErasedTensorsLeaveNoGap) {
  Model model = small_int8_model();
  Graph& graph = model.main();
  const TensorId extra = graph.add_tensor({.name = "extra", .shape = {1}});
  const TensorId x = graph.inputs()[0];
  const OpId neg =
      graph.insert_before(graph.ops()[0], {.type = OpType::neg, .inputs = {x}, .outputs = {extra}});
  graph.erase(neg);
  graph.erase(extra);
  EXPECT_EQ(difference(model, round_trip(model)), "");
}

}  // namespace
}  // namespace smelt::tflite
