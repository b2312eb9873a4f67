#include "stats/histogram.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <memory>
#include <random>

namespace brigade::stats {
namespace {

constexpr std::uint64_t kHourUs = 3'600'000'000;

std::unique_ptr<Histogram> make() {
  return std::make_unique<Histogram>();
}

// The bound is on whole buckets, so it holds for every value once it holds at each bucket's edges.
TEST(Buckets, AreNeverWiderThanAThirtySecondOfTheirLowestValue) {
  for (std::size_t i = 0; i < kBuckets; ++i) {
    const std::uint64_t width = bucket_high(i) - bucket_low(i) + 1;
    if (bucket_low(i) < 64) {
      EXPECT_EQ(width, 1u) << i;
    } else {
      EXPECT_LE(width * 32, bucket_low(i)) << i;
    }
  }
}

TEST(Buckets, CoverTheRangeWithoutGapOrOverlap) {
  EXPECT_EQ(bucket_low(0), 0u);
  for (std::size_t i = 0; i < kBuckets; ++i) {
    EXPECT_EQ(bucket_index(bucket_low(i)), i);
    EXPECT_EQ(bucket_index(bucket_high(i)), i);
    if (i > 0) EXPECT_EQ(bucket_low(i), bucket_high(i - 1) + 1);
  }
  EXPECT_GT(bucket_high(kBuckets - 1), kHourUs);
}

TEST(Buckets, TakeValuesBeyondTheRangeInTheLast) {
  EXPECT_EQ(bucket_index(kHighestValue + 1), kBuckets - 1);
  EXPECT_EQ(bucket_index(UINT64_MAX), kBuckets - 1);
}

TEST(Histogram, TakesAboutSevenKilobytes) {
  EXPECT_LT(sizeof(Histogram), 7200u);
}

TEST(Histogram, ReportsRandomValuesWithinAThirtySecondAndNeverTooLow) {
  std::mt19937_64 random(1);
  std::uniform_real_distribution<double> exponent(0, std::log2(static_cast<double>(kHourUs)));
  for (int i = 0; i < 1000; ++i) {
    const auto value = static_cast<std::uint64_t>(std::exp2(exponent(random)));
    auto histogram = make();
    histogram->record(value);
    histogram->record(kHourUs);
    const std::uint64_t reported = HistogramSnapshot(*histogram).quantile(0.5);
    EXPECT_GE(reported, value);
    EXPECT_LE((reported - value) * 32, value);
  }
}

TEST(Histogram, CountsZeroAndSmallValuesExactly) {
  auto histogram = make();
  for (std::uint64_t value = 0; value < 64; ++value) histogram->record(value);
  const HistogramSnapshot snapshot(*histogram);
  EXPECT_EQ(snapshot.quantile(0), 0u);
  EXPECT_EQ(snapshot.quantile(0.5), 31u);
  EXPECT_EQ(snapshot.quantile(1), 63u);
  EXPECT_EQ(snapshot.sum(), 63u * 64 / 2);
}

TEST(Histogram, FindsTheQuantilesOfAUniformSpread) {
  auto histogram = make();
  for (std::uint64_t value = 1; value <= 100'000; ++value) histogram->record(value);
  const HistogramSnapshot snapshot(*histogram);
  for (const double q : {0.01, 0.25, 0.5, 0.9, 0.99, 0.999}) {
    const auto exact = static_cast<double>(q * 100'000);
    const auto reported = static_cast<double>(snapshot.quantile(q));
    EXPECT_GE(reported, exact) << q;
    EXPECT_LE(reported, exact * 33 / 32) << q;
  }
}

TEST(Histogram, ReportsNoQuantileAboveTheMaximum) {
  auto histogram = make();
  histogram->record(1000);
  EXPECT_EQ(HistogramSnapshot(*histogram).quantile(0.99), 1000u);
}

TEST(Histogram, KeepsTheMaximumBeyondItsRange) {
  auto histogram = make();
  histogram->record(10 * kHourUs);
  const HistogramSnapshot snapshot(*histogram);
  EXPECT_EQ(snapshot.max(), 10 * kHourUs);
  EXPECT_EQ(snapshot.quantile(0.5), 10 * kHourUs);
}

TEST(Histogram, RecordsManyAtOnce) {
  auto histogram = make();
  histogram->record(10, 99);
  histogram->record(20, 1);
  const HistogramSnapshot snapshot(*histogram);
  EXPECT_EQ(snapshot.count(), 100u);
  EXPECT_EQ(snapshot.quantile(0.99), 10u);
  EXPECT_EQ(snapshot.quantile(1), 20u);
}

TEST(HistogramSnapshot, OfNothingIsZero) {
  const HistogramSnapshot snapshot;
  EXPECT_EQ(snapshot.count(), 0u);
  EXPECT_EQ(snapshot.quantile(0.99), 0u);
  EXPECT_EQ(snapshot.max(), 0u);
}

TEST(HistogramSnapshot, OfTwoMergedIsTheSnapshotOfBothValues) {
  auto first = make();
  auto second = make();
  auto both = make();
  std::mt19937_64 random(2);
  for (int i = 0; i < 1000; ++i) {
    const std::uint64_t value = random() % kHourUs;
    (i % 3 == 0 ? first : second)->record(value);
    both->record(value);
  }
  HistogramSnapshot merged(*first);
  merged.add(HistogramSnapshot(*second));
  const HistogramSnapshot expected(*both);
  EXPECT_EQ(merged.count(), 1000u);
  EXPECT_EQ(merged.sum(), expected.sum());
  EXPECT_EQ(merged.max(), expected.max());
  for (const double q : {0.0, 0.1, 0.5, 0.9, 1.0}) {
    EXPECT_EQ(merged.quantile(q), expected.quantile(q));
  }
}

TEST(HistogramSnapshot, SubtractsWhatWasThereBefore) {
  auto histogram = make();
  histogram->record(5, 100);
  const HistogramSnapshot before(*histogram);
  histogram->record(7, 3);
  HistogramSnapshot since(*histogram);
  since.subtract(before);
  EXPECT_EQ(since.count(), 3u);
  EXPECT_EQ(since.quantile(0.5), 7u);
}

TEST(HistogramSnapshot, AnswersForAnyQuantileAsked) {
  auto histogram = make();
  histogram->record(5);
  histogram->record(9);
  const HistogramSnapshot snapshot(*histogram);
  EXPECT_EQ(snapshot.quantile(-1), 5u);
  EXPECT_EQ(snapshot.quantile(2), 9u);
  EXPECT_EQ(snapshot.quantile(std::numeric_limits<double>::quiet_NaN()), 5u);
}

TEST(HistogramSnapshot, SaturatesWhenBucketsAreDamaged) {
  auto histogram = make();
  histogram->buckets[3].set(UINT64_MAX);
  histogram->buckets[9].set(UINT64_MAX);
  HistogramSnapshot snapshot(*histogram);
  snapshot.add(snapshot);
  EXPECT_EQ(snapshot.count(), UINT64_MAX);
  EXPECT_EQ(snapshot.quantile(0.9999999999999999), 3u);
}

}  // namespace
}  // namespace brigade::stats
