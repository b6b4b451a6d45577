import socket

from aiohappyeyeballs import addr_to_addr_infos, pop_addr_infos_interleave, remove_addr_infos

infos = addr_to_addr_infos(("192.0.2.1", 80)) + addr_to_addr_infos(("2001:db8::1", 80, 0, 0))
assert [info[0] for info in infos] == [socket.AF_INET, socket.AF_INET6]
assert infos[1][4] == ("2001:db8::1", 80, 0, 0)
pop_addr_infos_interleave(infos, 1)
assert infos == []
infos = addr_to_addr_infos(("192.0.2.1", 80))
remove_addr_infos(infos, ("192.0.2.1", 80))
assert infos == []
