#pragma once

#include <libpq-fe.h>

#include <memory>

namespace signalbox::db {

struct FreePgResult {
    void operator()(PGresult* result) const noexcept { PQclear(result); }
};
using PgResult = std::unique_ptr<PGresult, FreePgResult>;

}  // namespace signalbox::db
