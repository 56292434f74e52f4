using System.Formats.Tar;

namespace Containerd.Images;

/// <summary>An uncompressed tar archive in a seekable stream: its members are found in one pass, and read where they lie.</summary>
internal sealed class TarSource : ArchiveSource
{
    private const int MaxMembers = 100_000;
    private const int MaxLinks = 4;

    private readonly TarReader _reader;
    private readonly Dictionary<string, TarEntry> _members = new(StringComparer.Ordinal);

    private TarSource(Stream archive) => _reader = new TarReader(archive, leaveOpen: true);

    public override string Description => "the archive";

    public static async Task<TarSource> OpenAsync(Stream archive, CancellationToken cancellationToken)
    {
        var source = new TarSource(archive);
        try
        {
            await source.IndexAsync(cancellationToken).ConfigureAwait(false);
            return source;
        }
        catch (Exception e) when (e is InvalidDataException or EndOfStreamException or FormatException or ArgumentException)
        {
            await source.DisposeAsync().ConfigureAwait(false);
            throw new ContainerdException(
                ErrorKind.DataCorrupted, $"The archive is no tar archive, or damaged: {Excerpt.Of(e.Message)} A compressed archive must be decompressed first.", e);
        }
        catch
        {
            await source.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    public override Stream? Open(string name)
    {
        TarEntry? member = Find(name, MaxLinks);
        if (member is null)
            return null;
        if (member.DataStream is not { } data)
            return Stream.Null;
        // The same member may be wanted twice: an image may have the same layer more than once.
        data.Position = 0;
        return new Borrowed(data);
    }

    public override async ValueTask DisposeAsync()
    {
        await _reader.DisposeAsync().ConfigureAwait(false);
        await base.DisposeAsync().ConfigureAwait(false);
    }

    private async Task IndexAsync(CancellationToken cancellationToken)
    {
        while (await _reader.GetNextEntryAsync(copyData: false, cancellationToken).ConfigureAwait(false) is { } member)
        {
            if (member.EntryType is not (TarEntryType.RegularFile or TarEntryType.V7RegularFile or TarEntryType.SymbolicLink or TarEntryType.HardLink))
                continue;
            if (_members.Count == MaxMembers)
                throw new ContainerdException(ErrorKind.ResourceExhausted, $"The archive has more than {MaxMembers} members.");
            // As tar does it, the last of several members of the same name counts.
            _members[Normal(member.Name)] = member;
        }
    }

    // Old versions of docker save link a layer that several images share (I-1).
    private TarEntry? Find(string name, int links)
    {
        if (!_members.TryGetValue(Normal(name), out TarEntry? member))
            return null;
        return member.EntryType switch
        {
            _ when links == 0 => null,
            TarEntryType.HardLink => Find(member.LinkName, links - 1),
            TarEntryType.SymbolicLink => Find($"{Parent(Normal(name))}/{member.LinkName}", links - 1),
            _ => member,
        };
    }

    private static string Parent(string name) => name.LastIndexOf('/') is > 0 and var slash ? name[..slash] : "";

    private static string Normal(string name)
    {
        var parts = new List<string>();
        foreach (string part in name.Split('/'))
        {
            if (part is "" or ".")
                continue;
            if (part != "..")
                parts.Add(part);
            else if (parts.Count > 0)
                parts.RemoveAt(parts.Count - 1);
        }
        return string.Join('/', parts);
    }

    /// <summary>A member's stream, which belongs to the reader and outlives its users.</summary>
    private sealed class Borrowed(Stream inner) : Stream
    {
        public override bool CanRead => true;

        public override bool CanSeek => false;

        public override bool CanWrite => false;

        public override long Length => inner.Length;

        public override long Position
        {
            get => inner.Position;
            set => throw new NotSupportedException();
        }

        public override int Read(byte[] buffer, int offset, int count) => inner.Read(buffer, offset, count);

        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) => inner.ReadAsync(buffer, cancellationToken);

        public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) => inner.ReadAsync(buffer, offset, count, cancellationToken);

        public override void Flush()
        {
        }

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
    }
}
