// Nothing of ours: by this it is seen how fast the machine is at the moment.
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>
