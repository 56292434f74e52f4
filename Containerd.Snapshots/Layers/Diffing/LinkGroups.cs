using static Containerd.Snapshots.Interop;

namespace Containerd.Snapshots;

/// <summary>The files with several names: which of them are in the layer already, and which names of others would have to follow .</summary>
internal sealed class LinkGroups
{
    /// <summary>An unchanged name of a file.</summary>
    internal readonly record struct Peer(DiffDirectory Directory, byte[] Path);

    private readonly Dictionary<FileIdentity, byte[]> _written = [];
    private readonly Dictionary<FileIdentity, List<Peer>> _unchanged = [];
    private readonly Dictionary<FileIdentity, FileIdentity> _afterOfBefore = [];
    private readonly Dictionary<FileIdentity, FileIdentity> _beforeOfAfter = [];

    /// <summary>The name in the layer that has the file's data; null where none has yet.</summary>
    public byte[]? FindWritten(FileIdentity file) => _written.GetValueOrDefault(file);

    /// <summary>Takes the first name, and gives the unchanged ones that have to become links to it.</summary>
    public List<Peer> MarkWritten(FileIdentity file, ReadOnlySpan<byte> path)
    {
        _written.Add(file, path.ToArray());
        return _unchanged.Remove(file, out List<Peer>? peers) ? peers : [];
    }

    /// <summary>Keeps an unchanged name until another name of the file is written, if one is.</summary>
    public void Remember(FileIdentity file, Peer peer)
    {
        if (!_unchanged.TryGetValue(file, out List<Peer>? peers))
            _unchanged.Add(file, peers = []);
        peers.Add(peer);
    }

    /// <summary>Whether a name that is otherwise unchanged is also a name of the same file as before: names that were one file are, and those that were not are not.</summary>
    public bool Keeps(FileIdentity was, FileIdentity now)
    {
        if (_afterOfBefore.TryGetValue(was, out FileIdentity expected) ? expected != now : _beforeOfAfter.ContainsKey(now))
            return false;
        _afterOfBefore[was] = now;
        _beforeOfAfter[now] = was;
        return true;
    }
}
