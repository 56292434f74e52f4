namespace Containerd.Snapshots;

/// <summary>Where in a file its stored data belongs; all else is holes. Reused from entry to entry.</summary>
internal sealed class SparseMap
{
    /// <summary>The length of one piece in an old GNU header: two numbers of twelve bytes.</summary>
    public const int PieceLength = 24;

    private readonly List<(long Offset, long Length)> _pieces = [];

    public IReadOnlyList<(long Offset, long Length)> Pieces => _pieces;

    /// <summary>The size of the file with its holes.</summary>
    public long RealSize { get; set; }

    public void Clear()
    {
        _pieces.Clear();
        RealSize = 0;
    }

    public void Add(long offset, long length)
    {
        if (offset < 0 || length < 0 || offset > long.MaxValue - length || (_pieces.Count > 0 && offset < _pieces[^1].Offset + _pieces[^1].Length))
            throw TarError.Damaged("a sparse map is out of order");
        _pieces.Add((offset, length));
    }

    /// <summary>Adds pieces of an old GNU header or extension block; an empty one ends them.</summary>
    public void AddHeaderPieces(ReadOnlySpan<byte> pieces)
    {
        for (; pieces.Length >= PieceLength; pieces = pieces[PieceLength..])
        {
            if (pieces[0] == 0 && pieces[12] == 0)
                return;
            Add(TarNumber.ParseField(pieces[..12]), TarNumber.ParseField(pieces[12..24]));
        }
    }

    /// <summary>Adds the comma-separated numbers of PAX sparse 0.1.</summary>
    public void AddList(ReadOnlySpan<byte> list)
    {
        while (!list.IsEmpty)
        {
            long offset = Next(ref list), length = Next(ref list);
            Add(offset, length);
        }

        static long Next(ref ReadOnlySpan<byte> list)
        {
            int comma = list.IndexOf((byte)',');
            ReadOnlySpan<byte> number = comma < 0 ? list : list[..comma];
            list = comma < 0 ? default : list[(comma + 1)..];
            if (comma >= 0 && list.IsEmpty)
                throw TarError.Damaged("a sparse map is malformed");
            return TarNumber.ParseDecimal(number, "GNU.sparse.map");
        }
    }

    /// <summary>Holds the map against the stored size.</summary>
    public void Check(long storedSize)
    {
        long stored = 0;
        foreach ((_, long length) in _pieces)
            stored += length;
        if (RealSize < 0 || stored != storedSize || (_pieces.Count > 0 && _pieces[^1].Offset + _pieces[^1].Length > RealSize))
            throw TarError.Damaged("a sparse map does not fit its file");
    }
}
