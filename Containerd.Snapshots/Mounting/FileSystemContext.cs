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

    private FileSystemContext(Mount mount, SafeFileHandle context)
    {
        _mount = mount;
        _context = context;
    }

    public static FileSystemContext Open(Mount mount) =>
        new(mount, Sys.TryOpenFileSystem(mount.Type, out int errno) ?? throw MountFailure.Of(mount, "fsopen", errno));

    public static bool Fits(string value) => System.Text.Encoding.UTF8.GetByteCount(value) <= MaxValueBytes;

    public ContainerdException TooLong(string what) => MountFailure.TooLong(_mount, what);

    public void SetFlag(string key) => Check(Sys.ConfigureFlag(_context, key), $"option '{Excerpt.Of(key)}'");

    public void SetString(string key, string value)
    {
        if (!Fits(value))
            throw TooLong($"the value of option '{Excerpt.Of(key)}' is longer than the {MaxValueBytes} bytes that fsconfig takes");
        Check(Sys.ConfigureString(_context, key, value), $"option '{Excerpt.Of(key)}={Excerpt.Of(value)}'");
    }

    /// <summary>Sets a string where the kernel knows the option; false where it does not take the option or the value.</summary>
    public bool TrySetString(string key, string value) => Ignoring(Sys.ConfigureString(_context, key, value), $"option '{key}'");

    /// <summary>Sets an open directory where the kernel takes one for this option (overlay: Linux 6.13).</summary>
    public bool TrySetHandle(string key, SafeFileHandle value) => Ignoring(Sys.ConfigureHandle(_context, key, value), $"option '{key}'");

    /// <summary>Makes the file system, and a mount of it that is in no mount table.</summary>
    /// <param name="attributes">MOUNT_ATTR_*.</param>
    /// <param name="creator">Who the file system acts as, where it remembers who made it; null for the caller.</param>
    public SafeFileHandle MakeMount(ulong attributes, FileIds? creator = null)
    {
        int created = creator is { } ids ? Sys.CallAs(ids.User, ids.Group, () => Sys.CreateFileSystem(_context)) : Sys.CreateFileSystem(_context);
        Check(created, "creating the file system");
        return Sys.TryMakeMount(_context, attributes, out int errno) ?? throw MountFailure.Of(_mount, "fsmount", errno, Messages());
    }

    public void Dispose() => _context.Dispose();

    private bool Ignoring(int errno, string step)
    {
        if (errno != EINVAL)
            Check(errno, step);
        else
            _ = Messages();
        return errno == 0;
    }

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
