#include "smelt/formats/tflite/option_codec.h"
#include "tflite_schema.h"

// Arithmetic, reduction, shapes and slices, types, control flow and state.

namespace smelt::tflite {
namespace {

template <class OptionTable>
struct ArithmeticFields {
  using Table = OptionTable;
  using Attributes = ArithmeticAttributes;
  template <class A, class F>
  static void visit(A& a, F&& field) {
    using B = typename Table::Builder;
    field(a.activation, &Table::fused_activation_function, &B::add_fused_activation_function);
    field(a.pot_scale_int16, &Table::pot_scale_int16, &B::add_pot_scale_int16);
  }
};

template <class OptionTable>
struct FusedFields {
  using Table = OptionTable;
  using Attributes = FusedAttributes;
  template <class A, class F>
  static void visit(A& a, F&& field) {
    using B = typename Table::Builder;
    field(a.activation, &Table::fused_activation_function, &B::add_fused_activation_function);
  }
};

struct ReduceFields {
  using Table = schema::ReducerOptions;
  using Attributes = ReduceAttributes;
  template <class A, class F>
  static void visit(A& a, F&& field) {
    using B = Table::Builder;
    field(a.keep_dims, &Table::keep_dims, &B::add_keep_dims);
  }
};

template <class OptionTable>
struct ArgMinMaxFields {
  using Table = OptionTable;
  using Attributes = ArgMinMaxAttributes;
  template <class A, class F>
  static void visit(A& a, F&& field) {
    using B = typename Table::Builder;
    field(a.output_type, &Table::output_type, &B::add_output_type);
  }
};

struct CumsumFields {
  using Table = schema::CumsumOptions;
  using Attributes = CumsumAttributes;
  template <class A, class F>
  static void visit(A& a, F&& field) {
    using B = Table::Builder;
    field(a.exclusive, &Table::exclusive, &B::add_exclusive);
    field(a.reverse, &Table::reverse, &B::add_reverse);
  }
};

struct BucketizeFields {
  using Table = schema::BucketizeOptions;
  using Attributes = BucketizeAttributes;
  template <class A, class F>
  static void visit(A& a, F&& field) {
    using B = Table::Builder;
    field(a.boundaries, &Table::boundaries, &B::add_boundaries);
  }
};

struct UniqueFields {
  using Table = schema::UniqueOptions;
  using Attributes = UniqueAttributes;
  template <class A, class F>
  static void visit(A& a, F&& field) {
    using B = Table::Builder;
    field(a.index_type, &Table::idx_out_type, &B::add_idx_out_type);
  }
};

struct ReshapeFields {
  using Table = schema::ReshapeOptions;
  using Attributes = ReshapeAttributes;
  template <class A, class F>
  static void visit(A& a, F&& field) {
    using B = Table::Builder;
    field(a.new_shape, &Table::new_shape, &B::add_new_shape);
  }
};

struct SqueezeFields {
  using Table = schema::SqueezeOptions;
  using Attributes = SqueezeAttributes;
  template <class A, class F>
  static void visit(A& a, F&& field) {
    using B = Table::Builder;
    field(a.axes, &Table::squeeze_dims, &B::add_squeeze_dims);
  }
};

struct ShapeOfFields {
  using Table = schema::ShapeOptions;
  using Attributes = ShapeOfAttributes;
  template <class A, class F>
  static void visit(A& a, F&& field) {
    using B = Table::Builder;
    field(a.out_type, &Table::out_type, &B::add_out_type);
  }
};

struct ConcatenationFields {
  using Table = schema::ConcatenationOptions;
  using Attributes = ConcatenationAttributes;
  template <class A, class F>
  static void visit(A& a, F&& field) {
    using B = Table::Builder;
    field(a.axis, &Table::axis, &B::add_axis);
    field(a.activation, &Table::fused_activation_function, &B::add_fused_activation_function);
  }
};

template <class OptionTable>
struct SplitFields {
  using Table = OptionTable;
  using Attributes = SplitAttributes;
  template <class A, class F>
  static void visit(A& a, F&& field) {
    using B = typename Table::Builder;
    field(a.count, &Table::num_splits, &B::add_num_splits);
  }
};

struct PackFields {
  using Table = schema::PackOptions;
  using Attributes = PackAttributes;
  template <class A, class F>
  static void visit(A& a, F&& field) {
    using B = Table::Builder;
    field(a.count, &Table::values_count, &B::add_values_count);
    field(a.axis, &Table::axis, &B::add_axis);
  }
};

struct UnpackFields {
  using Table = schema::UnpackOptions;
  using Attributes = UnpackAttributes;
  template <class A, class F>
  static void visit(A& a, F&& field) {
    using B = Table::Builder;
    field(a.count, &Table::num, &B::add_num);
    field(a.axis, &Table::axis, &B::add_axis);
  }
};

struct StridedSliceFields {
  using Table = schema::StridedSliceOptions;
  using Attributes = StridedSliceAttributes;
  template <class A, class F>
  static void visit(A& a, F&& field) {
    using B = Table::Builder;
    field(a.begin_mask, &Table::begin_mask, &B::add_begin_mask);
    field(a.end_mask, &Table::end_mask, &B::add_end_mask);
    field(a.ellipsis_mask, &Table::ellipsis_mask, &B::add_ellipsis_mask);
    field(a.new_axis_mask, &Table::new_axis_mask, &B::add_new_axis_mask);
    field(a.shrink_axis_mask, &Table::shrink_axis_mask, &B::add_shrink_axis_mask);
    field(a.offset, &Table::offset, &B::add_offset);
  }
};

struct GatherFields {
  using Table = schema::GatherOptions;
  using Attributes = GatherAttributes;
  template <class A, class F>
  static void visit(A& a, F&& field) {
    using B = Table::Builder;
    field(a.axis, &Table::axis, &B::add_axis);
    field(a.batch_dims, &Table::batch_dims, &B::add_batch_dims);
  }
};

struct ReverseSequenceFields {
  using Table = schema::ReverseSequenceOptions;
  using Attributes = ReverseSequenceAttributes;
  template <class A, class F>
  static void visit(A& a, F&& field) {
    using B = Table::Builder;
    field(a.seq_axis, &Table::seq_dim, &B::add_seq_dim);
    field(a.batch_axis, &Table::batch_dim, &B::add_batch_dim);
  }
};

struct MirrorPadFields {
  using Table = schema::MirrorPadOptions;
  using Attributes = MirrorPadAttributes;
  template <class A, class F>
  static void visit(A& a, F&& field) {
    using B = Table::Builder;
    field(a.symmetric, &Table::mode, &B::add_mode);
  }
};

template <class OptionTable>
struct BlockSizeFields {
  using Table = OptionTable;
  using Attributes = BlockSizeAttributes;
  template <class A, class F>
  static void visit(A& a, F&& field) {
    using B = typename Table::Builder;
    field(a.block_size, &Table::block_size, &B::add_block_size);
  }
};

template <class OptionTable>
struct ResizeFields {
  using Table = OptionTable;
  using Attributes = ResizeAttributes;
  template <class A, class F>
  static void visit(A& a, F&& field) {
    using B = typename Table::Builder;
    field(a.align_corners, &Table::align_corners, &B::add_align_corners);
    field(a.half_pixel_centers, &Table::half_pixel_centers, &B::add_half_pixel_centers);
  }
};

struct OneHotFields {
  using Table = schema::OneHotOptions;
  using Attributes = OneHotAttributes;
  template <class A, class F>
  static void visit(A& a, F&& field) {
    using B = Table::Builder;
    field(a.axis, &Table::axis, &B::add_axis);
  }
};

struct SparseToDenseFields {
  using Table = schema::SparseToDenseOptions;
  using Attributes = SparseToDenseAttributes;
  template <class A, class F>
  static void visit(A& a, F&& field) {
    using B = Table::Builder;
    field(a.validate_indices, &Table::validate_indices, &B::add_validate_indices);
  }
};

struct CastFields {
  using Table = schema::CastOptions;
  using Attributes = CastAttributes;
  template <class A, class F>
  static void visit(A& a, F&& field) {
    using B = Table::Builder;
    field(a.in_type, &Table::in_data_type, &B::add_in_data_type);
    field(a.out_type, &Table::out_data_type, &B::add_out_data_type);
  }
};

struct FakeQuantFields {
  using Table = schema::FakeQuantOptions;
  using Attributes = FakeQuantAttributes;
  template <class A, class F>
  static void visit(A& a, F&& field) {
    using B = Table::Builder;
    field(a.min, &Table::min, &B::add_min);
    field(a.max, &Table::max, &B::add_max);
    field(a.bits, &Table::num_bits, &B::add_num_bits);
    field(a.narrow_range, &Table::narrow_range, &B::add_narrow_range);
  }
};

struct RandomSeedsFields {
  using Table = schema::RandomOptions;
  using Attributes = RandomSeedsAttributes;
  template <class A, class F>
  static void visit(A& a, F&& field) {
    using B = Table::Builder;
    field(a.seed, &Table::seed, &B::add_seed);
    field(a.seed2, &Table::seed2, &B::add_seed2);
  }
};

struct CallFields {
  using Table = schema::CallOptions;
  using Attributes = CallAttributes;
  template <class A, class F>
  static void visit(A& a, F&& field) {
    using B = Table::Builder;
    field(a.graph, &Table::subgraph, &B::add_subgraph);
  }
};

struct IfFields {
  using Table = schema::IfOptions;
  using Attributes = IfAttributes;
  template <class A, class F>
  static void visit(A& a, F&& field) {
    using B = Table::Builder;
    field(a.then_graph, &Table::then_subgraph_index, &B::add_then_subgraph_index);
    field(a.else_graph, &Table::else_subgraph_index, &B::add_else_subgraph_index);
  }
};

struct WhileFields {
  using Table = schema::WhileOptions;
  using Attributes = WhileAttributes;
  template <class A, class F>
  static void visit(A& a, F&& field) {
    using B = Table::Builder;
    field(a.cond_graph, &Table::cond_subgraph_index, &B::add_cond_subgraph_index);
    field(a.body_graph, &Table::body_subgraph_index, &B::add_body_subgraph_index);
  }
};

struct CallOnceFields {
  using Table = schema::CallOnceOptions;
  using Attributes = CallOnceAttributes;
  template <class A, class F>
  static void visit(A& a, F&& field) {
    using B = Table::Builder;
    field(a.init_graph, &Table::init_subgraph_index, &B::add_init_subgraph_index);
  }
};

struct StablehloCompositeFields {
  using Table = schema::StableHLOCompositeOptions;
  using Attributes = StablehloCompositeAttributes;
  template <class A, class F>
  static void visit(A& a, F&& field) {
    using B = Table::Builder;
    field(a.name, &Table::name, &B::add_name);
    field(a.decomposition_graph, &Table::decomposition_subgraph_index,
          &B::add_decomposition_subgraph_index);
    field(a.options, &Table::composite_attributes, &B::add_composite_attributes);
    field(a.options_format, &Table::composite_attributes_format,
          &B::add_composite_attributes_format);
    field(a.version, &Table::version, &B::add_version);
  }
};

struct VarHandleFields {
  using Table = schema::VarHandleOptions;
  using Attributes = VarHandleAttributes;
  template <class A, class F>
  static void visit(A& a, F&& field) {
    using B = Table::Builder;
    field(a.container, &Table::container, &B::add_container);
    field(a.shared_name, &Table::shared_name, &B::add_shared_name);
  }
};

struct HashtableFields {
  using Table = schema::HashtableOptions;
  using Attributes = HashtableAttributes;
  template <class A, class F>
  static void visit(A& a, F&& field) {
    using B = Table::Builder;
    field(a.table_id, &Table::table_id, &B::add_table_id);
    field(a.key_type, &Table::key_dtype, &B::add_key_dtype);
    field(a.value_type, &Table::value_dtype, &B::add_value_dtype);
  }
};

template <class Fields>
constexpr OptionCodec codec(OpType op) {
  return {op,
          static_cast<uint8_t>(schema::BuiltinOptionsTraits<typename Fields::Table>::enum_value),
          &read_options<Fields>, &write_options<Fields>};
}

template <class Fields>
constexpr OptionCodec second_codec(OpType op) {
  return {op,
          static_cast<uint8_t>(schema::BuiltinOptions2Traits<typename Fields::Table>::enum_value),
          &read_options<Fields>, &write_options<Fields>, true};
}

constexpr OptionCodec kCodecs[] = {
    codec<ArithmeticFields<schema::AddOptions>>(OpType::add),
    codec<ArithmeticFields<schema::SubOptions>>(OpType::sub),
    codec<FusedFields<schema::MulOptions>>(OpType::mul),
    codec<FusedFields<schema::DivOptions>>(OpType::div),
    codec<FusedFields<schema::L2NormOptions>>(OpType::l2_normalization),
    codec<ReduceFields>(OpType::mean),
    codec<ReduceFields>(OpType::sum),
    codec<ReduceFields>(OpType::reduce_prod),
    codec<ReduceFields>(OpType::reduce_max),
    codec<ReduceFields>(OpType::reduce_min),
    codec<ReduceFields>(OpType::reduce_any),
    codec<ReduceFields>(OpType::reduce_all),
    codec<ArgMinMaxFields<schema::ArgMaxOptions>>(OpType::arg_max),
    codec<ArgMinMaxFields<schema::ArgMinOptions>>(OpType::arg_min),
    codec<CumsumFields>(OpType::cumsum),
    codec<BucketizeFields>(OpType::bucketize),
    codec<UniqueFields>(OpType::unique),
    codec<ReshapeFields>(OpType::reshape),
    codec<SqueezeFields>(OpType::squeeze),
    codec<ShapeOfFields>(OpType::shape),
    codec<ConcatenationFields>(OpType::concatenation),
    codec<SplitFields<schema::SplitOptions>>(OpType::split),
    codec<SplitFields<schema::SplitVOptions>>(OpType::split_v),
    codec<PackFields>(OpType::pack),
    codec<UnpackFields>(OpType::unpack),
    codec<StridedSliceFields>(OpType::strided_slice),
    codec<GatherFields>(OpType::gather),
    codec<ReverseSequenceFields>(OpType::reverse_sequence),
    codec<MirrorPadFields>(OpType::mirror_pad),
    codec<BlockSizeFields<schema::DepthToSpaceOptions>>(OpType::depth_to_space),
    codec<BlockSizeFields<schema::SpaceToDepthOptions>>(OpType::space_to_depth),
    codec<ResizeFields<schema::ResizeBilinearOptions>>(OpType::resize_bilinear),
    codec<ResizeFields<schema::ResizeNearestNeighborOptions>>(OpType::resize_nearest_neighbor),
    codec<OneHotFields>(OpType::one_hot),
    codec<SparseToDenseFields>(OpType::sparse_to_dense),
    codec<CastFields>(OpType::cast),
    codec<FakeQuantFields>(OpType::fake_quant),
    codec<RandomSeedsFields>(OpType::random_standard_normal),
    codec<RandomSeedsFields>(OpType::random_uniform),
    codec<RandomSeedsFields>(OpType::multinomial),
    codec<CallFields>(OpType::call),
    codec<IfFields>(OpType::if_),
    codec<WhileFields>(OpType::while_),
    codec<CallOnceFields>(OpType::call_once),
    second_codec<StablehloCompositeFields>(OpType::stablehlo_composite),
    codec<VarHandleFields>(OpType::var_handle),
    codec<HashtableFields>(OpType::hashtable),
};

}  // namespace

std::span<const OptionCodec> tensor_codecs() { return kCodecs; }

}  // namespace smelt::tflite
