using System.Runtime.InteropServices;

namespace Containerd.Execution.Tests;

/// <summary>The least mounter that the tests need: bind, overlay and tmpfs by mount(2), detached trees by open_tree(2) of a private directory.</summary>
internal sealed class TestMounter : IMounter
{
    public void Mount(IReadOnlyList<Mount> mounts, string target)
    {
        foreach (Mount mount in mounts)
        {
            string at = mount.Target.Length == 0 ? target : Path.Join(target, mount.Target);
            string[] options = [.. mount.SplitOptions()];
            if (mount.Type == "bind")
                TestInterop.Mount(mount.Source, at, null, 0x1000 | 0x4000, null); // MS_BIND | MS_REC
            else
                TestInterop.Mount(mount.Source, at, mount.Type, 0, string.Join(',', options.Where(option => option is not ("rw" or "ro"))));
        }
    }

    public void Unmount(string target, UnmountOptions options = UnmountOptions.None)
    {
        while (File.ReadLines("/proc/self/mountinfo").Any(line => line.Split(' ')[4] == target))
            TestInterop.Unmount(target);
    }

    public IDetachedMount MountDetached(IReadOnlyList<Mount> mounts)
    {
        // Assembled at a scratch directory and cloned off it: what the library's own mounter does without the detour.
        string scratch = Directory.CreateTempSubdirectory("test-mounter-").FullName;
        try
        {
            Mount(mounts, scratch);
            return new Detached(TestInterop.OpenTree(scratch));
        }
        finally
        {
            Unmount(scratch);
            Directory.Delete(scratch);
        }
    }

    private sealed class Detached(SafeHandle tree) : IDetachedMount
    {
        public string Path => $"/proc/self/fd/{tree.DangerousGetHandle()}";

        public void Dispose() => tree.Dispose();
    }
}
