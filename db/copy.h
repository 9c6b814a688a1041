// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "db/pqxx_compat.h"

namespace bounced::db {

// COPY table (columns) FROM STDIN within a transaction, row by row. The transaction can do nothing else until finish().
class CopyWriter {
 public:
  using Field = std::optional<std::string_view>;  // nothing: null

  CopyWriter(pqxx::transaction_base& tx, const std::string& table, const std::vector<std::string>& columns);
  ~CopyWriter();  // without finish() only because of an error: the transaction must not be committed then

  void row(std::span<const Field> fields);
  void row(std::initializer_list<Field> fields) { row(std::span(fields.begin(), fields.size())); }

  // Sends what is left and waits for the server; throws what the server found wrong.
  void finish();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// COPY (query) TO STDOUT within a transaction, row by row, while the server works on. The transaction can do nothing
// else until next() has said that there are no more.
class CopyReader {
 public:
  using Field = std::optional<std::string_view>;  // nothing: null

  CopyReader(pqxx::transaction_base& tx, const std::string& query);
  ~CopyReader();

  // Gives the next row's fields, until the next call; false where there is none.
  bool next(std::vector<Field>& fields);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace bounced::db
