#pragma once

#include <cstddef>
#include <type_traits>

// Only a structured binding of just as many names can name "all members" in C++20. Here are those
// of 1 to 64.

namespace signalbox::model::detail {

inline constexpr std::size_t most_members = 64;

// clang-format off
#define SIGNALBOX_BIND(n, ...) if constexpr (count == (n)) { auto& [__VA_ARGS__] = object; return use(__VA_ARGS__); } else

/// `use(member, member, …)`, each an lvalue: a bit-field, which has no address, is refused by the
/// compiler.
template <std::size_t count, class T, class Use>
constexpr decltype(auto) with_members(T& object, Use use) {
    SIGNALBOX_BIND(1, a)
    SIGNALBOX_BIND(2, a, b)
    SIGNALBOX_BIND(3, a, b, c)
    SIGNALBOX_BIND(4, a, b, c, d)
    SIGNALBOX_BIND(5, a, b, c, d, e)
    SIGNALBOX_BIND(6, a, b, c, d, e, f)
    SIGNALBOX_BIND(7, a, b, c, d, e, f, g)
    SIGNALBOX_BIND(8, a, b, c, d, e, f, g, h)
    SIGNALBOX_BIND(9, a, b, c, d, e, f, g, h, i)
    SIGNALBOX_BIND(10, a, b, c, d, e, f, g, h, i, j)
    SIGNALBOX_BIND(11, a, b, c, d, e, f, g, h, i, j, k)
    SIGNALBOX_BIND(12, a, b, c, d, e, f, g, h, i, j, k, l)
    SIGNALBOX_BIND(13, a, b, c, d, e, f, g, h, i, j, k, l, m)
    SIGNALBOX_BIND(14, a, b, c, d, e, f, g, h, i, j, k, l, m, n)
    SIGNALBOX_BIND(15, a, b, c, d, e, f, g, h, i, j, k, l, m, n, o)
    SIGNALBOX_BIND(16, a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p)
    SIGNALBOX_BIND(17, a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q)
    SIGNALBOX_BIND(18, a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r)
    SIGNALBOX_BIND(19, a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s)
    SIGNALBOX_BIND(20, a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t)
    SIGNALBOX_BIND(21, a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u)
    SIGNALBOX_BIND(22, a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v)
    SIGNALBOX_BIND(23, a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w)
    SIGNALBOX_BIND(24, a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w, x)
    SIGNALBOX_BIND(25, a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w, x,
        y)
    SIGNALBOX_BIND(26, a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w, x,
        y, z)
    SIGNALBOX_BIND(27, a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w, x,
        y, z, aa)
    SIGNALBOX_BIND(28, a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w, x,
        y, z, aa, ab)
    SIGNALBOX_BIND(29, a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w, x,
        y, z, aa, ab, ac)
    SIGNALBOX_BIND(30, a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w, x,
        y, z, aa, ab, ac, ad)
    SIGNALBOX_BIND(31, a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w, x,
        y, z, aa, ab, ac, ad, ae)
    SIGNALBOX_BIND(32, a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w, x,
        y, z, aa, ab, ac, ad, ae, af)
    SIGNALBOX_BIND(33, a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w, x,
        y, z, aa, ab, ac, ad, ae, af, ag)
    SIGNALBOX_BIND(34, a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w, x,
        y, z, aa, ab, ac, ad, ae, af, ag, ah)
    SIGNALBOX_BIND(35, a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w, x,
        y, z, aa, ab, ac, ad, ae, af, ag, ah, ai)
    SIGNALBOX_BIND(36, a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w, x,
        y, z, aa, ab, ac, ad, ae, af, ag, ah, ai, aj)
    SIGNALBOX_BIND(37, a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w, x,
        y, z, aa, ab, ac, ad, ae, af, ag, ah, ai, aj, ak)
    SIGNALBOX_BIND(38, a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w, x,
        y, z, aa, ab, ac, ad, ae, af, ag, ah, ai, aj, ak, al)
    SIGNALBOX_BIND(39, a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w, x,
        y, z, aa, ab, ac, ad, ae, af, ag, ah, ai, aj, ak, al, am)
    SIGNALBOX_BIND(40, a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w, x,
        y, z, aa, ab, ac, ad, ae, af, ag, ah, ai, aj, ak, al, am, an)
    SIGNALBOX_BIND(41, a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w, x,
        y, z, aa, ab, ac, ad, ae, af, ag, ah, ai, aj, ak, al, am, an, ao)
    SIGNALBOX_BIND(42, a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w, x,
        y, z, aa, ab, ac, ad, ae, af, ag, ah, ai, aj, ak, al, am, an, ao, ap)
    SIGNALBOX_BIND(43, a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w, x,
        y, z, aa, ab, ac, ad, ae, af, ag, ah, ai, aj, ak, al, am, an, ao, ap, aq)
    SIGNALBOX_BIND(44, a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w, x,
        y, z, aa, ab, ac, ad, ae, af, ag, ah, ai, aj, ak, al, am, an, ao, ap, aq, ar)
    SIGNALBOX_BIND(45, a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w, x,
        y, z, aa, ab, ac, ad, ae, af, ag, ah, ai, aj, ak, al, am, an, ao, ap, aq, ar, as)
    SIGNALBOX_BIND(46, a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w, x,
        y, z, aa, ab, ac, ad, ae, af, ag, ah, ai, aj, ak, al, am, an, ao, ap, aq, ar, as, at)
    SIGNALBOX_BIND(47, a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w, x,
        y, z, aa, ab, ac, ad, ae, af, ag, ah, ai, aj, ak, al, am, an, ao, ap, aq, ar, as, at, au)
    SIGNALBOX_BIND(48, a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w, x,
        y, z, aa, ab, ac, ad, ae, af, ag, ah, ai, aj, ak, al, am, an, ao, ap, aq, ar, as, at, au,
        av)
    SIGNALBOX_BIND(49, a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w, x,
        y, z, aa, ab, ac, ad, ae, af, ag, ah, ai, aj, ak, al, am, an, ao, ap, aq, ar, as, at, au,
        av, aw)
    SIGNALBOX_BIND(50, a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w, x,
        y, z, aa, ab, ac, ad, ae, af, ag, ah, ai, aj, ak, al, am, an, ao, ap, aq, ar, as, at, au,
        av, aw, ax)
    SIGNALBOX_BIND(51, a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w, x,
        y, z, aa, ab, ac, ad, ae, af, ag, ah, ai, aj, ak, al, am, an, ao, ap, aq, ar, as, at, au,
        av, aw, ax, ay)
    SIGNALBOX_BIND(52, a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w, x,
        y, z, aa, ab, ac, ad, ae, af, ag, ah, ai, aj, ak, al, am, an, ao, ap, aq, ar, as, at, au,
        av, aw, ax, ay, az)
    SIGNALBOX_BIND(53, a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w, x,
        y, z, aa, ab, ac, ad, ae, af, ag, ah, ai, aj, ak, al, am, an, ao, ap, aq, ar, as, at, au,
        av, aw, ax, ay, az, ba)
    SIGNALBOX_BIND(54, a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w, x,
        y, z, aa, ab, ac, ad, ae, af, ag, ah, ai, aj, ak, al, am, an, ao, ap, aq, ar, as, at, au,
        av, aw, ax, ay, az, ba, bb)
    SIGNALBOX_BIND(55, a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w, x,
        y, z, aa, ab, ac, ad, ae, af, ag, ah, ai, aj, ak, al, am, an, ao, ap, aq, ar, as, at, au,
        av, aw, ax, ay, az, ba, bb, bc)
    SIGNALBOX_BIND(56, a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w, x,
        y, z, aa, ab, ac, ad, ae, af, ag, ah, ai, aj, ak, al, am, an, ao, ap, aq, ar, as, at, au,
        av, aw, ax, ay, az, ba, bb, bc, bd)
    SIGNALBOX_BIND(57, a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w, x,
        y, z, aa, ab, ac, ad, ae, af, ag, ah, ai, aj, ak, al, am, an, ao, ap, aq, ar, as, at, au,
        av, aw, ax, ay, az, ba, bb, bc, bd, be)
    SIGNALBOX_BIND(58, a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w, x,
        y, z, aa, ab, ac, ad, ae, af, ag, ah, ai, aj, ak, al, am, an, ao, ap, aq, ar, as, at, au,
        av, aw, ax, ay, az, ba, bb, bc, bd, be, bf)
    SIGNALBOX_BIND(59, a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w, x,
        y, z, aa, ab, ac, ad, ae, af, ag, ah, ai, aj, ak, al, am, an, ao, ap, aq, ar, as, at, au,
        av, aw, ax, ay, az, ba, bb, bc, bd, be, bf, bg)
    SIGNALBOX_BIND(60, a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w, x,
        y, z, aa, ab, ac, ad, ae, af, ag, ah, ai, aj, ak, al, am, an, ao, ap, aq, ar, as, at, au,
        av, aw, ax, ay, az, ba, bb, bc, bd, be, bf, bg, bh)
    SIGNALBOX_BIND(61, a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w, x,
        y, z, aa, ab, ac, ad, ae, af, ag, ah, ai, aj, ak, al, am, an, ao, ap, aq, ar, as, at, au,
        av, aw, ax, ay, az, ba, bb, bc, bd, be, bf, bg, bh, bi)
    SIGNALBOX_BIND(62, a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w, x,
        y, z, aa, ab, ac, ad, ae, af, ag, ah, ai, aj, ak, al, am, an, ao, ap, aq, ar, as, at, au,
        av, aw, ax, ay, az, ba, bb, bc, bd, be, bf, bg, bh, bi, bj)
    SIGNALBOX_BIND(63, a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w, x,
        y, z, aa, ab, ac, ad, ae, af, ag, ah, ai, aj, ak, al, am, an, ao, ap, aq, ar, as, at, au,
        av, aw, ax, ay, az, ba, bb, bc, bd, be, bf, bg, bh, bi, bj, bk)
    SIGNALBOX_BIND(64, a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w, x,
        y, z, aa, ab, ac, ad, ae, af, ag, ah, ai, aj, ak, al, am, an, ao, ap, aq, ar, as, at, au,
        av, aw, ax, ay, az, ba, bb, bc, bd, be, bf, bg, bh, bi, bj, bk, bl)
    { return use(); }
}

#undef SIGNALBOX_BIND
// clang-format on

}  // namespace signalbox::model::detail
