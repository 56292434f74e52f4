using System.Buffers;
using System.IO.Pipelines;
using System.Text.Unicode;

namespace Containerd.Snapshots;

/// <summary>
/// Writes an archive into a pipe: ustar headers, with a PAX header in front where one cannot say it all. The same entries give the same bytes, always: no
/// names of users, no times but the one of modification, nothing of the process that writes.
/// </summary>
internal sealed class TarWriter(PipeWriter output)
{
    private const int FlushLength = 64 << 10;
    private const int MinRoom = 4 << 10;

    private readonly PaxRecordWriter _pax = new();
    private int _unflushed;

    /// <summary>Writes what stands before an entry's content. What it writes stays in memory until <see cref="FlushAsync"/>.</summary>
    /// <param name="member">The entry.</param>
    /// <param name="name">Its path; a directory's ends with a slash.</param>
    /// <param name="linkName">The target of a link.</param>
    /// <param name="xattrs">Its extended attributes.</param>
    public void WriteHeader(in TarMember member, ReadOnlySpan<byte> name, ReadOnlySpan<byte> linkName = default, XattrSet? xattrs = null)
    {
        bool fits = TarHeaderBlock.TrySplit(name, out int prefixLength);
        CollectRecords(member, fits ? default : name, linkName, xattrs);
        if (!_pax.IsEmpty)
        {
            ReadOnlySpan<byte> records = _pax.Records;
            TarHeaderBlock.FillExtended(output.GetSpan(TarHeader.Length)[..TarHeader.Length], records.Length, name);
            Advance(TarHeader.Length);
            output.Write(records);
            _unflushed += records.Length;
            Pad(records.Length);
        }
        TarHeaderBlock.Fill(output.GetSpan(TarHeader.Length)[..TarHeader.Length], member, name, fits ? prefixLength : 0, linkName);
        Advance(TarHeader.Length);
    }

    /// <summary>Room for a part of an entry's content.</summary>
    public Memory<byte> GetMemory() => output.GetMemory(MinRoom);

    /// <summary>Takes over what has been put there.</summary>
    public void Advance(int count)
    {
        output.Advance(count);
        _unflushed += count;
    }

    /// <summary>Fills the last block of content of a length.</summary>
    public void Pad(long length)
    {
        int padding = (int)(-length & (TarHeader.Length - 1));
        output.GetSpan(TarHeader.Length)[..padding].Clear();
        Advance(padding);
    }

    /// <summary>Writes the end of the archive.</summary>
    public void WriteEnd()
    {
        output.GetSpan(2 * TarHeader.Length)[..(2 * TarHeader.Length)].Clear();
        Advance(2 * TarHeader.Length);
    }

    /// <summary>Hands on what was written, once it is enough or the end; waits while those behind are busy.</summary>
    public ValueTask FlushAsync(bool isEnd, CancellationToken cancellationToken)
    {
        if (_unflushed < FlushLength && !isEnd)
            return ValueTask.CompletedTask;
        _unflushed = 0;
        return SendAsync(cancellationToken);
    }

    private async ValueTask SendAsync(CancellationToken cancellationToken)
    {
        FlushResult flushed = await output.FlushAsync(cancellationToken).ConfigureAwait(false);
        if (flushed.IsCompleted)
            throw new IOException("Writing the archive: nobody reads it any more.");
    }

    // In the order of their keys, as Go's archive/tar has them.
    private void CollectRecords(in TarMember member, ReadOnlySpan<byte> path, ReadOnlySpan<byte> linkName, XattrSet? xattrs)
    {
        _pax.Clear();
        for (int i = 0; i < xattrs?.Count; i++)
        {
            xattrs.Get(i, out ReadOnlySpan<byte> name, out ReadOnlySpan<byte> value);
            _pax.Add("SCHILY.xattr."u8, name.ContainsAny((byte)'=', (byte)'%') ? Escaped(name) : name, value);
        }
        if (member.Gid > TarHeaderBlock.MaxId)
            _pax.Add("gid"u8, member.Gid);
        // By the standard names are UTF-8, which some readers insist on; those that are not are no text at all.
        if (!Utf8.IsValid(path) || !Utf8.IsValid(linkName))
            _pax.Add("hdrcharset"u8, "BINARY"u8);
        if (!TarHeaderBlock.Fits(linkName))
            _pax.Add("linkpath"u8, linkName);
        if (member.ModifySeconds is < 0 or > TarHeaderBlock.MaxSize)
            _pax.Add("mtime"u8, member.ModifySeconds);
        if (!path.IsEmpty)
            _pax.Add("path"u8, path);
        if (member.Size > TarHeaderBlock.MaxSize)
            _pax.Add("size"u8, member.Size);
        if (member.Uid > TarHeaderBlock.MaxId)
            _pax.Add("uid"u8, member.Uid);
    }

    // As GNU tar writes what would end the key (xattr_encode_keyword), and what would then be read as that. No other percent sign: only GNU tar and the reader here take any
    // of this back, to all others a name is what it is.
    private static byte[] Escaped(ReadOnlySpan<byte> name)
    {
        var escaped = new List<byte>(name.Length + 2);
        for (; !name.IsEmpty; name = name[1..])
        {
            if (name[0] == '=')
                escaped.AddRange("%3D"u8);
            else if (name.StartsWith("%3D"u8) || name.StartsWith("%25"u8))
                escaped.AddRange("%25"u8);
            else
                escaped.Add(name[0]);
        }
        return [.. escaped];
    }
}
