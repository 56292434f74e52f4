using Microsoft.Win32.SafeHandles;
using static Containerd.Snapshots.Interop;

namespace Containerd.Snapshots;

/// <summary>A file system being configured for a mount (fsopen), which tells in words why it refuses.</summary>
internal sealed class FileSystemContext : IDisposable
{
    // linux/fs/fsopen.c: strndup_user(_value, 256), the terminator included.
    private const int MaxValueBytes = 255;

    private readonly Mount _mount;
    private readonly SafeFileHandle _context;
    private readonly List<SafeFileHandle> _kept = [];

    private FileSystemContext(Mount mount, SafeFileHandle context, bool isLate)
    {
        _mount = mount;
        _context = context;
        IsLate = isLate;
    }

    /// <summary>
    /// Whether the file system reads its options as one text, when it is made, as overlay does before Linux 6.5: until then any word is taken. Found out when a
    /// handle is set.
    /// </summary>
    public bool IsLate { get; private set; }

    public static FileSystemContext Open(Mount mount, bool isLate = false) =>
        new(mount, Sys.TryOpenFileSystem(mount.Type, out int errno) ?? throw MountFailure.Of(mount, "fsopen", errno), isLate);

    public static bool Fits(string value) => System.Text.Encoding.UTF8.GetByteCount(value) <= MaxValueBytes;

    public ContainerdException TooLong(string what) => MountFailure.TooLong(_mount, what);

    public void SetFlag(string key) => Check(Sys.ConfigureFlag(_context, key), $"option '{Excerpt.Of(key)}'");

    public void SetString(string key, string value)
    {
        if (!Fits(value))
            throw TooLong($"the value of option '{Excerpt.Of(key)}' is longer than the {MaxValueBytes} bytes that fsconfig takes");
        Check(Sys.ConfigureString(_context, key, value), Describe(key, value));
    }

    /// <summary>Sets a string where the kernel knows the option.</summary>
    public bool TrySetString(string key, string value)
    {
        int errno = Sys.ConfigureString(_context, key, value);
        string? words = errno == 0 ? null : Messages();
        // What else it finds wrong is the reason to tell: that there are too many layers, for example.
        if (errno == EINVAL && (words is null || words.Contains("Unknown parameter", StringComparison.Ordinal)))
            return false;
        return errno == 0 ? true : throw MountFailure.Of(_mount, Describe(key, value), errno, words);
    }

    /// <summary>Sets an open directory where the kernel takes one for this option (overlay: Linux 6.13).</summary>
    public bool TrySetHandle(string key, SafeFileHandle value)
    {
        int errno = IsLate ? EOPNOTSUPP : Sys.ConfigureHandle(_context, key, value);
        IsLate = errno == EOPNOTSUPP;
        if (errno is EINVAL or EOPNOTSUPP)
            _ = Messages();
        else
            Check(errno, $"option '{key}'");
        return errno == 0;
    }

    /// <summary>Keeps a handle that a text names open until the file system is made, as that may be when the text is read.</summary>
    public SafeFileHandle Keep(SafeFileHandle named)
    {
        _kept.Add(named);
        return named;
    }

    /// <summary>Makes the file system, and a mount of it that is in no mount table.</summary>
    /// <param name="attributes">MOUNT_ATTR_*.</param>
    /// <param name="creator">Who the file system acts as, where it remembers who made it; null for the caller.</param>
    public SafeFileHandle MakeMount(ulong attributes, FileIds? creator = null)
    {
        int created = creator is { } ids ? Sys.CallAs(ids.User, ids.Group, () => Sys.CreateFileSystem(_context)) : Sys.CreateFileSystem(_context);
        Check(created, "creating the file system");
        return Sys.TryMakeMount(_context, attributes, out int errno) ?? throw MountFailure.Of(_mount, "fsmount", errno, Messages());
    }

    public void Dispose()
    {
        _context.Dispose();
        _kept.ForEach(handle => handle.Dispose());
    }

    private static string Describe(string key, string value) => $"option '{Excerpt.Of(key)}={Excerpt.Of(value)}'";

    private void Check(int errno, string step)
    {
        if (errno != 0)
            throw MountFailure.Of(_mount, step, errno, Messages());
    }

    // Each message is a letter for its weight (e, w, i), a blank and a line.
    private string? Messages()
    {
        var lines = new List<string>();
        while (lines.Count < 16 && Sys.ReadMessage(_context) is { } message)
            lines.Add((message.Length > 2 && message[1] == ' ' ? message[2..] : message).TrimEnd());
        return lines.Count == 0 ? null : string.Join("; ", lines);
    }
}
