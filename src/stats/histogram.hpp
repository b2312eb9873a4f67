// Latencies in microseconds, in buckets that grow with the value.
//
// Log-linear, the layout of HdrHistogram (Gil Tene, hdrhistogram.org): below 64 every value has its
// own bucket, above that every power of two is cut into 32 equal ones. A bucket whose lowest value
// is L is at most L/32 wide, so whichever value of it we report is wrong by less than 1/32, at
// every magnitude. Like HdrHistogram we report the highest: a quantile may overstate, never
// understate.
//
// 896 buckets reach 2^32 - 1 us (71 minutes); longer values count in the last one, and max() still
// tells the truth about them. Why not a t-digest or a reservoir: those cannot be written by a plain
// add to one word, which is what makes a bucket array survive a SIGKILL at any instruction, nor be
// subtracted, which is how a reader gets one worker's share of a slot.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

#include <brigade/cells.hpp>

namespace brigade::stats {

inline constexpr unsigned kSubBucketBits = 5;
inline constexpr std::size_t kSubBuckets = std::size_t{1} << kSubBucketBits;
inline constexpr unsigned kValueBits = 32;
inline constexpr std::uint64_t kHighestValue = (std::uint64_t{1} << kValueBits) - 1;
inline constexpr std::size_t kBuckets = (kValueBits - kSubBucketBits + 1) * kSubBuckets;

/// A dozen instructions (cmov, or, bsr, shifts, add): no branch, no table.
constexpr std::size_t bucket_index(std::uint64_t value) {
  value = std::min(value, kHighestValue);
  // Setting the low bits makes every value below 64 as wide as 63, whose shift is 0.
  const auto width = static_cast<unsigned>(std::bit_width(value | (2 * kSubBuckets - 1)));
  const unsigned shift = width - (kSubBucketBits + 1);
  return (std::size_t{shift} << kSubBucketBits) + static_cast<std::size_t>(value >> shift);
}

constexpr std::uint64_t bucket_low(std::size_t index) {
  if (index < 2 * kSubBuckets) return index;
  const std::size_t shift = index / kSubBuckets - 1;
  return std::uint64_t{index % kSubBuckets + kSubBuckets} << shift;
}

constexpr std::uint64_t bucket_high(std::size_t index) {
  return bucket_low(index + 1) - 1;
}

static_assert(bucket_index(0) == 0 && bucket_index(kHighestValue) == kBuckets - 1);
static_assert(bucket_high(kBuckets - 1) == kHighestValue);

/// The histogram in shared memory. One writer, which may be killed anywhere; readers copy it.
struct Histogram {
  Counter buckets[kBuckets];
  Counter sum_us;
  Cell<std::uint64_t> max_us;

  void record(std::uint64_t value_us, std::uint64_t count = 1) {
    buckets[bucket_index(value_us)].add(count);
    sum_us.add(value_us * count);
    if (value_us > max_us.get()) max_us.set(value_us);
  }
};

/// A private copy to compute with. Saturates instead of wrapping, because what it copies may be
/// damaged: a reader must get nonsense, never an endless loop or an index out of range.
class HistogramSnapshot {
 public:
  HistogramSnapshot() = default;
  explicit HistogramSnapshot(const Histogram& histogram) {
    for (std::size_t i = 0; i < kBuckets; ++i) buckets_[i] = histogram.buckets[i].get();
    sum_us_ = histogram.sum_us.get();
    max_us_ = histogram.max_us.get();
    recount();
  }

  void add(const HistogramSnapshot& other) {
    for (std::size_t i = 0; i < kBuckets; ++i) {
      buckets_[i] = saturating_add(buckets_[i], other.buckets_[i]);
    }
    sum_us_ = saturating_add(sum_us_, other.sum_us_);
    raise_max(other.max_us_);
    recount();
  }

  /// What was recorded since `earlier`, a copy of the same histogram. A maximum cannot be
  /// subtracted and stays as it is.
  void subtract(const HistogramSnapshot& earlier) {
    for (std::size_t i = 0; i < kBuckets; ++i) {
      buckets_[i] -= std::min(buckets_[i], earlier.buckets_[i]);
    }
    sum_us_ -= std::min(sum_us_, earlier.sum_us_);
    recount();
  }

  void raise_max(std::uint64_t value_us) { max_us_ = std::max(max_us_, value_us); }

  std::uint64_t count() const { return count_; }
  std::uint64_t sum() const { return sum_us_; }
  /// The largest value, exact.
  std::uint64_t max() const { return max_us_; }

  /// The value that a share `q` (0 to 1) of all values does not exceed, at most 1/32 too high; 0
  /// when nothing was recorded.
  std::uint64_t quantile(double q) const {
    if (count_ == 0) return 0;
    const std::uint64_t rank = rank_of(q);
    std::uint64_t seen = 0;
    for (std::size_t i = 0; i < kBuckets; ++i) {
      seen = saturating_add(seen, buckets_[i]);
      if (seen < rank) continue;
      // The last bucket has no upper end. A max below the bucket is one that its writer had not
      // stored yet when we copied.
      if (i == kBuckets - 1) return std::max(max_us_, bucket_low(i));
      return max_us_ < bucket_low(i) ? bucket_high(i) : std::min(bucket_high(i), max_us_);
    }
    return max_us_;
  }

 private:
  static std::uint64_t saturating_add(std::uint64_t a, std::uint64_t b) {
    return a + b < a ? UINT64_MAX : a + b;
  }

  // At least 1, at most count_. Negated comparisons send a NaN to the lower end.
  std::uint64_t rank_of(double q) const {
    if (!(q > 0)) return 1;
    if (q >= 1) return count_;
    const double exact = q * static_cast<double>(count_);
    // A double of 2^64 does not fit back into an integer: that conversion is undefined.
    if (!(exact < 18446744073709551616.0)) return count_;
    auto rank = static_cast<std::uint64_t>(exact);
    if (static_cast<double>(rank) < exact) ++rank;
    return std::clamp<std::uint64_t>(rank, 1, count_);
  }

  void recount() {
    count_ = 0;
    for (const std::uint64_t bucket : buckets_) count_ = saturating_add(count_, bucket);
  }

  std::array<std::uint64_t, kBuckets> buckets_{};
  std::uint64_t count_ = 0;
  std::uint64_t sum_us_ = 0;
  std::uint64_t max_us_ = 0;
};

}  // namespace brigade::stats
