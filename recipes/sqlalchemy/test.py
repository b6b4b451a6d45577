from sqlalchemy import ForeignKey, create_engine, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, relationship
from sqlalchemy.util import has_compiled_ext

assert has_compiled_ext(), "the pure Python fallback was taken"


class Base(DeclarativeBase):
    pass


class Author(Base):
    __tablename__ = "author"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    books: Mapped[list["Book"]] = relationship(back_populates="author")


class Book(Base):
    __tablename__ = "book"
    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str]
    author_id: Mapped[int] = mapped_column(ForeignKey("author.id"))
    author: Mapped[Author] = relationship(back_populates="books")


engine = create_engine("sqlite://")
Base.metadata.create_all(engine)
with Session(engine) as session:
    session.add(Author(name="Ada", books=[Book(title="Notes"), Book(title="Letters")]))
    session.add(Author(name="Bob"))
    session.commit()
    counted = select(Author.name, func.count(Book.id)).outerjoin(Book).group_by(Author.name).order_by(Author.name)
    assert session.execute(counted).all() == [("Ada", 2), ("Bob", 0)]
    assert session.scalar(select(Book).where(Book.title.like("L%"))).author.name == "Ada"
    session.add(Author(name="Ada"))
    try:
        session.commit()
    except IntegrityError as error:
        assert "UNIQUE" in str(error), error
    else:
        raise AssertionError("a second author of that name was accepted")
