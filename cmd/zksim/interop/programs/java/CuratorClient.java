public final class CuratorClient { public static void main(String[] a) {} }
