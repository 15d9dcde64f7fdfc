#pragma once

#include "smelt/kernels/gemm.h"

namespace smelt {

// What each of the files compiled once per instruction set offers for the machine's best one.

struct FloatGemmKernel {
  int lanes = 1;
  decltype(FloatGemm::run) run = nullptr;
};
FloatGemmKernel float_gemm_kernel();

struct IntGemmKernel {
  int lanes = 1;
  decltype(IntGemm::run) int8 = nullptr;
  decltype(IntGemm::run) int16 = nullptr;
};
IntGemmKernel int_gemm_kernel();

}  // namespace smelt
