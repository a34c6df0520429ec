#pragma once

#include <memory>

#include "signalbox/db/row_stream.hpp"
#include "signalbox/db/statement.hpp"

namespace signalbox::db::detail {

class TransactionCore;

/// A stream of a transaction: a cursor of its own, which is open until the transaction ends.
/// `number`: of the transaction's streams.
std::unique_ptr<RowSource> transaction_stream(TransactionCore& core, Statement statement,
                                              unsigned number);

}  // namespace signalbox::db::detail
