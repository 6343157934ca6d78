#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <doctest/doctest.h>
#include <random>
#include <set>

#include "server/elastic/embedded/search/vector_graph.h"
#include "server/elastic/embedded/search/vector_math.h"

using namespace sightline::elastic;

namespace {

/// Vectors around a number of centres, as embeddings of pictures of a few kinds lie.
class Clusters {
 public:
  Clusters(std::size_t dims, std::size_t centres) : dims_(dims), centres_(centres, std::vector<float>(dims)) {
    for (auto& centre : centres_) {
      for (float& x : centre) x = normal_(random_);
    }
  }
  std::vector<float> next() {
    std::vector<float> out = centres_[random_() % centres_.size()];
    for (float& x : out) x += 0.7f * normal_(random_);
    return out;
  }
  std::size_t dims() const { return dims_; }

 private:
  std::size_t dims_;
  std::mt19937 random_{42};
  std::normal_distribution<float> normal_;
  std::vector<std::vector<float>> centres_;
};

VectorColumn column_of(VectorSimilarity similarity, Clusters& clusters, std::size_t count) {
  VectorColumn column(similarity, clusters.dims());
  FieldValues field;
  for (Doc doc = 0; doc < count; ++doc) {
    field.vector = clusters.next();
    column.append(doc, field);
  }
  return column;
}

std::vector<const float*> rows_of(const VectorColumn& column) {
  std::vector<const float*> rows;
  for (std::size_t row = 0; row < column.size(); ++row) rows.push_back(column.row(row));
  return rows;
}

double exact_nearness(VectorSimilarity similarity, const float* a, const float* b, std::size_t dims) {
  double sum = 0;
  for (std::size_t i = 0; i < dims; ++i) {
    const double x = a[i], y = b[i];
    sum += similarity == VectorSimilarity::l2_norm ? -(x - y) * (x - y) : x * y;
  }
  return sum;
}

std::vector<Doc> brute_force(const VectorColumn& column, const float* query, std::size_t k, const DocSet& allowed) {
  std::vector<std::pair<double, Doc>> all;
  for (std::size_t row = 0; row < column.size(); ++row) {
    if (!allowed.test(column.doc(row))) continue;
    all.emplace_back(-exact_nearness(column.similarity(), query, column.row(row), column.dims()), column.doc(row));
  }
  std::sort(all.begin(), all.end());
  std::vector<Doc> docs;
  for (std::size_t i = 0; i < std::min(k, all.size()); ++i) docs.push_back(all[i].second);
  return docs;
}

std::vector<Doc> docs_of(const std::vector<Neighbour>& neighbours) {
  std::vector<Doc> docs;
  for (const Neighbour& neighbour : neighbours) docs.push_back(neighbour.doc);
  return docs;
}

double recall(const std::vector<Doc>& expected, const std::vector<Doc>& found) {
  const std::set<Doc> have(found.begin(), found.end());
  std::size_t hits = 0;
  for (const Doc doc : expected) hits += have.count(doc);
  return static_cast<double>(hits) / static_cast<double>(expected.size());
}

}  // namespace

TEST_CASE("comparing every vector finds what brute force in double finds, for every similarity") {
  for (const auto similarity : {VectorSimilarity::cosine, VectorSimilarity::dot_product, VectorSimilarity::l2_norm,
                                VectorSimilarity::max_inner_product}) {
    Clusters clusters(48, 20);
    const VectorColumn column = column_of(similarity, clusters, 3'000);
    DocSet allowed(3'000, true);
    for (Doc doc = 0; doc < 3'000; doc += 3) allowed.reset(doc);
    for (int i = 0; i < 20; ++i) {
      std::vector<float> query = clusters.next();
      if (compares_directions(similarity)) query = unit_length(query);
      const auto found = nearest(column, nullptr, query.data(), 10, 100, allowed);
      CHECK(docs_of(found) == brute_force(column, query.data(), 10, allowed));
      for (const Neighbour& one : found) {
        const double exact = exact_nearness(similarity, query.data(), column.row(one.doc), column.dims());
        CHECK(one.nearness == doctest::Approx(exact).epsilon(1e-5));
      }
    }
  }
}

TEST_CASE("equally near vectors come in the order of their documents, and k may exceed what there is") {
  VectorColumn column(VectorSimilarity::l2_norm, 2);
  FieldValues field;
  for (const auto& vector : std::vector<std::vector<float>>{{0, 0}, {1, 0}, {0, 2}, {1, 1}}) {
    field.vector = vector;
    column.append(static_cast<Doc>(column.size()), field);
  }
  const std::vector<float> query = {1, 1};
  CHECK(docs_of(nearest(column, nullptr, query.data(), 10, 10, DocSet(4, true))) == std::vector<Doc>{3, 1, 0, 2});
  CHECK(nearest(column, nullptr, query.data(), 10, 10, DocSet(4)).empty());
}

TEST_CASE("the graph finds at least 95 of 100 true neighbours, filtered or not, and while it is being built") {
  // More vectors than a graph needs are slow to link under sanitizers; the number may be set for a longer
  // run.
  const char* wanted = std::getenv("SIGHTLINE_TEST_VECTORS");
  const std::size_t count = wanted ? static_cast<std::size_t>(std::atol(wanted)) : 25'000;
  Clusters clusters(24, 300);
  const VectorColumn column = column_of(VectorSimilarity::cosine, clusters, count);
  VectorGraph graph(VectorSimilarity::cosine, clusters.dims(), {16, 100});
  graph.extend(rows_of(column));

  const auto mean_recall = [&](const DocSet& allowed) {
    double sum = 0;
    constexpr int k_queries = 50;
    for (int i = 0; i < k_queries; ++i) {
      const std::vector<float> query = unit_length(clusters.next());
      const auto found = docs_of(nearest(column, &graph, query.data(), 10, 100, allowed));
      for (const Doc doc : found) CHECK(allowed.test(doc));
      CHECK(found.size() == 10);
      sum += recall(brute_force(column, query.data(), 10, allowed), found);
    }
    return sum / k_queries;
  };

  DocSet all(count, true), some(count), few(count);
  for (Doc doc = 0; doc < count; ++doc) {
    if (doc % 2 == 0) some.set(doc);
    if (doc % 100 == 0) few.set(doc);
  }
  CHECK(mean_recall(all) >= 0.95);  // most likely before all vectors are linked in
  graph.wait_until_linked();
  CHECK(graph.search(column.row(0), 10).covered == count);
  CHECK(mean_recall(all) >= 0.95);
  CHECK(mean_recall(some) >= 0.95);
  CHECK(mean_recall(few) == 1.0);  // so few are compared one by one
}

TEST_CASE("a graph that is still linking stops at once when it goes") {
  Clusters clusters(16, 10);
  const VectorColumn column = column_of(VectorSimilarity::l2_norm, clusters, 20'000);
  VectorGraph graph(VectorSimilarity::l2_norm, clusters.dims(), {});
  graph.extend(rows_of(column));
}
