namespace Containerd.Snapshots;

/// <summary>The name of an entry as a path inside the tree: cleaned lexically, as Go's path.Clean does for a rooted path. Reused from entry to entry.</summary>
internal sealed class LayerPath(LayerLimits limits)
{
    private const int MaxNameBytes = 255; // linux/limits.h NAME_MAX

    private readonly byte[] _bytes = new byte[limits.MaxPathBytes + 1 + WhiteoutWriter.MaxMarkerLength];
    private int _length;

    /// <summary>The whole path, without a slash at either end; empty for the root.</summary>
    public ReadOnlySpan<byte> Full => _bytes.AsSpan(0, _length);

    public bool IsRoot => _length == 0;

    /// <summary>The path of the directory that holds the entry; empty for the root.</summary>
    public ReadOnlySpan<byte> Parent => Full[..Math.Max(Full.LastIndexOf((byte)'/'), 0)];

    /// <summary>The entry's own name.</summary>
    public ReadOnlySpan<byte> Leaf => Full[(Full.LastIndexOf((byte)'/') + 1)..];

    /// <summary>Takes a name from the archive: <c>.</c> and empty components go, <c>..</c> takes one back and stops at the root.</summary>
    public void Set(ReadOnlySpan<byte> name)
    {
        _length = 0;
        int depth = 0;
        foreach (Range range in name.Split((byte)'/'))
        {
            ReadOnlySpan<byte> component = name[range];
            if (component.IsEmpty || component.SequenceEqual("."u8))
                continue;
            if (component.SequenceEqual(".."u8))
            {
                depth = Math.Max(depth - 1, 0);
                _length = Parent.Length;
                continue;
            }
            // The whiteout of a name may be longer than any name: none of it but the name gets into the tree.
            bool isWhiteout = component.StartsWith(WhiteoutWriter.Prefix) && name[range.End..].IndexOfAnyExcept((byte)'/') < 0;
            if (component.Length > MaxNameBytes + (isWhiteout ? WhiteoutWriter.Prefix.Length : 0))
                throw TarError.Invalid($"a name in it has {component.Length} bytes, more than the {MaxNameBytes} that a file system allows", name);
            if (++depth > limits.MaxPathDepth)
                throw ExpansionGuard.Exceeded(nameof(LayerLimits.MaxPathDepth), limits.MaxPathDepth, $"an entry lies deeper than {limits.MaxPathDepth} directories");
            if (_length > 0)
                _bytes[_length++] = (byte)'/';
            component.CopyTo(_bytes.AsSpan(_length));
            _length += component.Length;
        }
    }
}
