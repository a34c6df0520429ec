// The same on Drogon 1.9: drogon PORT CONNECTIONS HOST PORT USER PASSWORD DATABASE
#include <drogon/drogon.h>

#include <cstdlib>
#include <random>
#include <string>

using namespace drogon;

static Task<HttpResponsePtr> transfer(HttpRequestPtr) {
    static thread_local std::minstd_rand random;
    const auto from = static_cast<int64_t>(random() % 5000);
    const auto to = from + 5000;
    auto transaction = co_await app().getFastDbClient()->newTransactionCoro();
    const auto made = co_await transaction->execSqlCoro(
        "INSERT INTO transfers (source, target, cents) VALUES ($1, $2, $3) RETURNING id", from, to,
        int64_t{1});
    co_await transaction->execSqlCoro("UPDATE accounts SET cents = cents - $2 WHERE id = $1", from,
                                      int64_t{1});
    co_await transaction->execSqlCoro("UPDATE accounts SET cents = cents + $2 WHERE id = $1", to,
                                      int64_t{1});
    auto response = HttpResponse::newHttpResponse();
    response->setContentTypeCode(CT_APPLICATION_JSON);
    response->setBody("{\"id\":" + made[0]["id"].as<std::string>() + "}");
    co_return response;
}

int main(int, char** argv) {
    app().registerHandler("/transfer", &transfer);
    app().createDbClient("postgresql", argv[3], static_cast<unsigned short>(atoi(argv[4])), argv[7],
                         argv[5], argv[6], static_cast<size_t>(atoi(argv[2])), "", "default", true);
    app().setLogLevel(trantor::Logger::kWarn);
    app().addListener("127.0.0.1", static_cast<uint16_t>(atoi(argv[1]))).setThreadNum(1).run();
}
