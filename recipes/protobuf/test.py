from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory, struct_pb2, text_format
from google.protobuf.internal import api_implementation
from google.protobuf.message import DecodeError
from google.protobuf.timestamp_pb2 import Timestamp

assert api_implementation.Type() == "upb", api_implementation.Type()
file = descriptor_pb2.FileDescriptorProto(name="demo.proto", package="demo", syntax="proto3")
message = file.message_type.add(name="Item")
field = descriptor_pb2.FieldDescriptorProto
message.field.add(name="name", number=1, type=field.TYPE_STRING, label=field.LABEL_OPTIONAL)
message.field.add(name="prices", number=2, type=field.TYPE_DOUBLE, label=field.LABEL_REPEATED)
message.field.add(name="large", number=3, type=field.TYPE_UINT64, label=field.LABEL_OPTIONAL)
pool = descriptor_pool.DescriptorPool()
pool.Add(file)
Item = message_factory.GetMessageClass(pool.FindMessageTypeByName("demo.Item"))
item = Item(name="é", prices=[1.5, -2], large=2**64 - 1)
packed = item.SerializeToString()
assert packed.startswith(b"\n\x02\xc3\xa9\x12\x10"), packed
assert Item.FromString(packed) == item
assert json_format.MessageToDict(item) == {"name": "é", "prices": [1.5, -2.0], "large": "18446744073709551615"}
assert text_format.Parse('name: "x" prices: 1', Item()).prices == [1]
moment = Timestamp()
moment.FromJsonString("2026-01-02T03:04:05.000000006Z")
assert moment.nanos == 6 and moment.ToDatetime().year == 2026
document = struct_pb2.Struct()
document.update({"a": [1, None, {"b": True}]})
assert json_format.MessageToDict(document) == {"a": [1.0, None, {"b": True}]}
try:
    Item.FromString(packed[:-1])
except DecodeError:
    pass
else:
    raise AssertionError("a cut message was accepted")
