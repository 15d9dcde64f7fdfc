#pragma once

#include "smelt/kernels/gemm.h"

namespace smelt {

// What each of the files compiled once per instruction set offers for the machine's best one.

struct FloatGemmKernel {
  int lanes = 1;
  void (*run)(const FloatGemm&, const float*, int64_t, int64_t, float*, int64_t) = nullptr;
};
FloatGemmKernel float_gemm_kernel();

struct IntGemmKernel {
  int lanes = 1;
  void (*int8)(const IntGemm&, const int16_t*, int64_t, int64_t, void*, int64_t) = nullptr;
  void (*int16)(const IntGemm&, const int16_t*, int64_t, int64_t, void*, int64_t) = nullptr;
};
IntGemmKernel int_gemm_kernel();

}  // namespace smelt
