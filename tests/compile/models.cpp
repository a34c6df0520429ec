// Models wherever they are declared, and whatever they are made of.
#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "signalbox/api/module.hpp"

using namespace signalbox::api;
using signalbox::async::Task;

namespace {

enum class Size { small = 1, large = 250 };
enum Plain : int { one, two };

struct Empty {};
struct Tree {
    std::string name;
    std::vector<Tree> children;
};
struct Card {
    Literal<"card"> by;
    std::string number;
};
struct Cash {
    Literal<"cash", "coins"> by;
    Decimal amount;
};
struct Base {
    Uuid id;
    DateTime at;
};
struct Everything {
    Flatten<Base> base;
    Empty empty;
    Tree tree;
    Size size;
    Plain plain;
    Field<std::variant<Card, Cash>, Discriminator("by")> payment;
    std::map<std::string, std::vector<std::optional<float>>> numbers;
    std::chrono::year_month_day day;
    Field<std::chrono::microseconds> pause = std::chrono::seconds(1);
    Field<std::optional<std::vector<Email>>, MaxLength(3), Alias("copy-to")> copies;
    signalbox::JsonText anything;
    std::vector<Field<bool>> flags;
};

template <int n>
struct Page {
    Field<int, Ge(1), Le(n)> limit = n;
};

Task<Everything> echo(Everything all) {
    co_return all;
}
Task<std::vector<Tree>> trees(Query<Page<20>> page) {
    co_return std::vector<Tree>(static_cast<std::size_t>(*page->limit));
}

}  // namespace

void add(Module& module) {
    module.post<echo>("/everything");
    module.get<trees>("/trees");
}

std::string of_a_local_struct() {
    struct Local {
        int id = 0;
        Field<std::string, MinLength(1)> name = std::string("x");
    };
    return signalbox::model::to_json(Local{});
}
