using System.ComponentModel;
using System.Runtime.InteropServices;

namespace Containerd.Conformance;

/// <summary>Sets and removes extended attributes, which no program does that is everywhere.</summary>
public static partial class FileXattr
{
    /// <summary>Sets an attribute of a file, a symbolic link not followed.</summary>
    /// <param name="path">The file.</param>
    /// <param name="name">The attribute's whole name.</param>
    /// <param name="value">Its value; null removes it.</param>
    public static void Set(string path, string name, byte[]? value)
    {
        int result = value is null ? Remove(path, name) : Set(path, name, value, (nuint)value.Length, 0);
        if (result != 0)
            throw new Win32Exception();
    }

    [LibraryImport("libc", EntryPoint = "lsetxattr", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Set(string path, string name, byte[] value, nuint size, int flags);

    [LibraryImport("libc", EntryPoint = "lremovexattr", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Remove(string path, string name);
}
