#pragma once

// SMELT_FIELDS(a, b, ...) inside a struct lists its fields once: it defines
//   template <class Self, class Visitor> static void visit(Self& self, Visitor&& visitor);
// which calls visitor("a", self.a), visitor("b", self.b), ... in order.

#define SMELT_PARENS ()
#define SMELT_EXPAND(...) SMELT_EXPAND4(SMELT_EXPAND4(__VA_ARGS__))
#define SMELT_EXPAND4(...) SMELT_EXPAND3(SMELT_EXPAND3(__VA_ARGS__))
#define SMELT_EXPAND3(...) SMELT_EXPAND2(SMELT_EXPAND2(__VA_ARGS__))
#define SMELT_EXPAND2(...) __VA_ARGS__
#define SMELT_VISIT_FIELDS(field, ...) \
  visitor(#field, self.field);         \
  __VA_OPT__(SMELT_VISIT_FIELDS_AGAIN SMELT_PARENS(__VA_ARGS__))
#define SMELT_VISIT_FIELDS_AGAIN() SMELT_VISIT_FIELDS

#define SMELT_FIELDS(...)                                                              \
  template <class Self, class Visitor>                                                 \
  static void visit([[maybe_unused]] Self& self, [[maybe_unused]] Visitor&& visitor) { \
    __VA_OPT__(SMELT_EXPAND(SMELT_VISIT_FIELDS(__VA_ARGS__)))                          \
  }
