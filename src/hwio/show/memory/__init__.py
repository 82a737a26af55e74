"""Where does filter k lie in memory? In each order of storage, in numbers and as a strip."""
