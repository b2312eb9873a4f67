// Each line of refused() must fail to compile, with the reason that CMakeLists.txt names, in this
// order.
#include <brigade/message_port.hpp>
#include <brigade/value_convert.hpp>

namespace brigade {

struct Undescribed {};
struct WithPort {
  MessagePort port;
};
BOOST_DESCRIBE_STRUCT(WithPort, (), (port))
enum Loose { one };
struct NoDefault {
  explicit NoDefault(int) {}
};

void refused(WithPort with_port, int* pointer) {
  to_value(std::vector<Undescribed>(1)).value();
  to_value(with_port).value();
  to_value(pointer).value();
  value_to<std::string_view>(Value("text")).value();
  value_to<Loose>(Value(0)).value();
  value_to<NoDefault>(Value(0)).value();
}

}  // namespace brigade
